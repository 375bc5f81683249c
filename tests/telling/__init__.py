"""Who is told what, of a thousand orders over all five sources, while every way of telling fails in every way it can.

`oracle.py` writes the rules of the campaign down a second time: from an order's published events to the set of
deliveries that must exist. `ways.py` are the failing receivers, which remember what they accepted.
"""
