"""A simulator of the five order APIs: contradictions, faults and all, with the true timeline of every order.

It imports nothing of the rest of `notifier`, so it can serve as an independent judge of it. `server.Simulator` is the
server, `lives` the pure part (an order's life as a function of seed, id and birth), `apis` the five native renderings,
`faults` what goes wrong on demand, `plugin` the pytest fixture. The language of order ids that spell their own life
(`sim-driving-5s-waiting-20s-complete`) is described in `lives.words`.
"""
