"""The chaos suite: nothing is lost, whatever breaks.

A *scenario* is a deployment, a load, and what breaks meanwhile::

    backends    a database, Redis and instances of the service, as real processes
    load        `swarm`: stock JavaScript clients, connected through a network that fails; `verifying`: the command
                `eventide-notify verify`
    faults      what is done to the processes, with a bound for each
    journal     every request that was made, and which failures were to be expected, where and when

Everything that was created (answered with 201) must be received by its user's client, shown once, in order, and be
DELIVERED then and not earlier; and the service must answer throughout, as far as a fault does not explain it.

EVENTIDE_TEST_CHAOS=small (the default) runs some scenarios briefly, =full (`make chaos`) all of them, and prints what
came of each as a table.
"""
