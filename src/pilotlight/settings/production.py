"""Signs that this is not a developer's own machine. Pure.

The debugger runs code for whoever holds its token; where other people's requests arrive, it has to be asked
for by name.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES = {
    "KUBERNETES_SERVICE_HOST": "Kubernetes",
    "DYNO": "Heroku",
    "RENDER": "Render",
    "RAILWAY_ENVIRONMENT": "Railway",
    "FLY_APP_NAME": "Fly.io",
    "K_SERVICE": "Cloud Run",
    "GAE_ENV": "App Engine",
    "WEBSITE_INSTANCE_ID": "Azure App Service",
    "AWS_EXECUTION_ENV": "AWS",
    "ECS_CONTAINER_METADATA_URI": "Amazon ECS",
    "ECS_CONTAINER_METADATA_URI_V4": "Amazon ECS",
    "AWS_LAMBDA_FUNCTION_NAME": "AWS Lambda",
    "VERCEL": "Vercel",
    "PYTHONANYWHERE_DOMAIN": "PythonAnywhere",
    "NOMAD_ALLOC_ID": "Nomad",
    "VCAP_APPLICATION": "Cloud Foundry",
    "DOKKU_APP_NAME": "Dokku",
}
_DEVELOPMENT = ("CODESPACES", "GITPOD_WORKSPACE_ID", "DEVPOD", "CLOUD_SHELL", "TELEPRESENCE_ROOT")
"""Development environments that run on such platforms."""


def production_sign(variables: Mapping[str, str], *, optimized: bool) -> str:
    """What looks like production, for a sentence that begins with it; empty if nothing does.

    Args:
        variables: the real environment, without what `.env` files add.
        optimized: the interpreter was started with `-O`.
    """
    if any(variables.get(name) for name in _DEVELOPMENT):
        return ""
    for name, platform in _VARIABLES.items():
        if variables.get(name):
            return f"{name} is set ({platform})"
    for name in ("FLASK_ENV", "ENV", "APP_ENV", "ENVIRONMENT", "DJANGO_ENV", "PYTHON_ENV"):
        if variables.get(name, "").lower() in ("production", "prod", "staging"):
            return f"{name} is {variables[name]!r}"
    return "Python runs with -O" if optimized else ""
