"""What clients are told of the endpoints of this app, in the form of `analytics_project.documentation`.

One module for each API; the operations of REST framework's views are put on them with `documented`, those of other
endpoints stand in `PATHS`. The worked examples are about the site `shop.example` on 10 March 2025.
"""
