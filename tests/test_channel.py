from __future__ import annotations

import os
import resource
import sys
import threading
from json.encoder import encode_basestring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.channel import LOST, Channel, ChannelError, Message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def pair() -> tuple[Channel, Channel]:
    ours, theirs = Channel.pair()
    return ours, Channel(theirs)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=5))
def test_messages_arrive_whole_and_in_order(bodies: list[dict[str, object]]) -> None:
    left, right = pair()
    for body in bodies:
        left.send(body)
    left.close()
    assert right.receive_ready() == [Message(body) for body in bodies]
    assert right.at_end
    assert right.receive() is None
    right.close()


def test_each_message_gets_its_own_descriptors() -> None:
    left, right = pair()
    pipes = [os.pipe() for _ in range(3)]
    left.send({"n": 0}, [pipes[0][0], pipes[1][0]])
    left.send({"n": 1})
    left.send({"n": 2}, [pipes[2][0]])
    for _, writing in pipes:
        os.write(writing, b"x")
    messages = [right.receive() for _ in range(3)]
    counts = [len(message.descriptors) for message in messages if message is not None]
    assert counts == [2, 0, 1]
    for message in messages:
        assert message is not None
        for descriptor in message.descriptors:
            assert not os.get_inheritable(descriptor)
            assert os.read(descriptor, 2) == b"x"
            os.close(descriptor)
    for ends in pipes:
        for end in ends:
            os.close(end)
    left.close()
    right.close()


def test_a_message_larger_than_the_socket_buffer_arrives() -> None:
    left, right = pair()
    body = {"text": "é" * 2_000_000}
    sender = threading.Thread(target=left.send, args=(body,))
    sender.start()
    message = right.receive()
    sender.join(10)
    assert message is not None
    assert message.body == body
    left.close()
    right.close()


def test_threads_do_not_mix_their_messages() -> None:
    left, right = pair()
    text = "x" * 300_000
    senders = [threading.Thread(target=left.send, args=({"n": n, "text": text},)) for n in range(8)]
    for sender in senders:
        sender.start()
    received = [right.receive() for _ in senders]
    for sender in senders:
        sender.join(10)
    assert sorted(message.body["n"] for message in received if message) == list(range(8))
    left.close()
    right.close()


def test_what_is_no_message_is_refused() -> None:
    left, right = pair()
    left._sock.sendall(b"\xff\xff\xff\xff")
    with pytest.raises(ChannelError):
        right.receive_ready()
    left.close()
    right.close()


def test_sending_to_a_dead_process_says_so() -> None:
    left, right = pair()
    right.close()
    with pytest.raises(BrokenPipeError):
        left.send({})
    left.close()


def test_descriptor_that_cannot_be_received_is_marked_as_lost() -> None:
    left, right = pair()
    reading, writing = os.pipe()
    left.send({"n": 0}, [reading])
    left.send({"n": 1}, [writing])
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(reading)
    os.close(free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
        first = right.receive()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    second = right.receive()
    assert first == Message({"n": 0}, (LOST,))
    assert second is not None
    assert second.body == {"n": 1}
    assert second.descriptors != (LOST,)
    for descriptor in (*second.descriptors, reading, writing):
        os.close(descriptor)
    left.close()
    right.close()


def test_posted_messages_wait_for_a_reader_and_keep_their_descriptors() -> None:
    left, right = pair()
    reading, writing = os.pipe()
    for number in range(500):
        left.post({"n": number, "text": "x" * 2000}, [reading])
    assert left.has_unsent
    os.close(reading)
    received: list[Message] = []
    while len(received) < 500:
        left.flush()
        received += right.receive_ready()
    assert not left.has_unsent
    assert [message.body["n"] for message in received] == list(range(500))
    for message in received:
        os.close(*message.descriptors)
    os.close(writing)
    left.close()
    right.close()


def test_a_channel_that_an_event_loop_has_made_non_blocking_waits_all_the_same() -> None:
    """Loops do that to what they watch; messages larger than the kernel's buffer were lost or cut then."""
    left, right = pair()
    for channel in (left, right):
        os.set_blocking(channel.fileno(), False)
    received: list[Message | None] = []

    def receive() -> None:
        received.extend(right.receive() for _ in range(30))

    reader = threading.Thread(target=receive)
    reader.start()
    with open(os.devnull) as file:
        for number in range(30):
            left.send({"number": number, "data": "x" * 100_000}, [file.fileno()])
    reader.join(20)
    assert not reader.is_alive()
    assert [message.body["number"] for message in received if message is not None] == list(range(30))
    for message in received:
        assert message is not None
        (descriptor,) = message.descriptors
        os.close(descriptor)
    left.close()
    right.close()


def test_a_body_that_is_json_already_needs_next_to_no_stack() -> None:
    ours, theirs = pair()
    path = 'a "path" \\ with \udce9 and é\n'
    body = f'{{"type":"x","path":{encode_basestring(path)}}}'
    called: list[str] = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        ours.send_encoded(body)
    finally:
        sys.setprofile(before)
    assert called == ["send_encoded"]
    message = theirs.receive()
    assert message is not None
    assert message.body == {"type": "x", "path": path}
    ours.close()
    theirs.close()
