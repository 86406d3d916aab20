"""Revenue and payments as clients are told of them; the worked examples are about `shop.example` on 10 March 2025."""
