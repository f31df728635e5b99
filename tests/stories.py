"""Stories made up as test data; no machine ever told them."""

from testbed.timeline import RESTART_POLICY, Event, Story

MANAGER = "swarm"


def story(fault: str, keeper: str = MANAGER, **changed: object) -> Story:
    """A short story: one server of Redis on core-01 that is back after 2.5 s."""
    told: dict[str, object] = {
        "events": (
            Event(-4.0, "10 writes acknowledged", "core-01"),
            Event(0.0, fault, "core-01"),
            Event(0.3, "the key in etcd is gone", "core-01"),
            Event(2.5, "a client succeeds again", "core-01"),
        ),
        "servers": ((-4.0, 1), (0.0, 0), (1.8, 1)),
        "outage": 2.5,
        "acknowledged": 10,
        "readable": 10,
        "after": "one server, on core-01",
    }
    return Story(fault, keeper, **(told | changed))  # type: ignore[arg-type]


# Two servers run at once, from the moment the lost machine is back.
DISAGREE = story(
    "machine cut off",
    "unit with --restart=always",
    events=(
        Event(-1.0, "10 writes acknowledged", "core-02"),
        Event(0.0, "core-02 is cut off the network", "core-02"),
        Event(10.2, "the machine is taken for lost", "core-01"),
        Event(11.0, "Redis starts", "core-03"),
        Event(12.4, "a client succeeds again", "core-03"),
        Event(25.0, "the network is healed", "core-02"),
        Event(25.1, "the Redis of before answers", "core-02"),
        Event(25.3, "SET colour blue is acknowledged", "core-02"),
        Event(25.4, "SET colour red is acknowledged", "core-03"),
    ),
    servers=((-1.0, 1), (11.0, 2)),
    outage=12.4,
    readable=0,
    after="two servers that disagree, on core-02 and core-03",
)
# The service never comes back by itself.
LOST = story(
    "machine killed",
    RESTART_POLICY,
    events=(
        Event(-1.0, "10 writes acknowledged", "core-02"),
        Event(0.0, "core-02 is powered off", "core-02"),
        Event(5.1, "the key in etcd is gone", "core-01"),
        Event(31.0, "core-02 is powered on", "core-02"),
        Event(39.4, "core-02 answers; Redis runs", "core-02"),
    ),
    servers=((-1.0, 1), (0.0, 0), (39.4, 1)),
    outage=None,
    readable=0,
    after="one server, on core-02",
)
MOVED = story(
    "machine killed",
    events=(
        Event(-1.0, "10 writes acknowledged", "core-02"),
        Event(0.0, "core-02 is powered off", "core-02"),
        Event(5.1, "the key in etcd is gone", "core-01"),
        Event(7.9, "the manager chooses core-03", "core-01"),
        Event(8.6, "Redis starts", "core-03"),
        Event(9.2, "a client succeeds again", "core-03"),
        Event(31.0, "core-02 is powered on", "core-02"),
        Event(39.6, "the manager lists all machines", ""),
    ),
    servers=((-1.0, 1), (0.0, 0), (8.6, 1)),
    outage=9.2,
    readable=0,
    after="one server, on core-03",
)
# Something on each of nine machines, at nearly one moment.
NINE = story(
    "leader lost",
    events=(
        Event(0.0, "the leader is powered off, with the service", "core-01"),
        *(Event(14 + number / 10, "sees a new leader", f"core-0{number}") for number in range(2, 10)),
        Event(16.0, "Redis starts <here>", "core-09"),
        Event(17.5, "a client succeeds again", "core-09"),
    ),
    servers=((0.0, 0), (16.0, 1)),
    outage=17.5,
    readable=0,
    after="one server, on core-09",
)
# Many events, close to one another, now on this machine and now on that.
CROWDED = story(
    "disk full",
    events=tuple(Event(number * 0.7, "a write is refused", f"core-0{1 + number % 3 // 2}") for number in range(40)),
    acknowledged=0,
    readable=0,
)
# Told in an order that is not the report's.
ALL = (
    DISAGREE,
    NINE,
    MOVED,
    LOST,
    story("engine restarted", RESTART_POLICY),
    story("engine restarted", outage=6.1),
    story("process killed", RESTART_POLICY, outage=0.4),
    story("process killed", outage=1.1),
    story("container killed", RESTART_POLICY, outage=1.2),
    story("container killed"),
    story("machine cut off", RESTART_POLICY, outage=None, readable=10),
    story("machine cut off", outage=13.2),
    CROWDED,
)
