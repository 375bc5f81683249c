"""Who is told of what, over which sink, and when. Pure: no I/O, no clock."""
