"""The Goals & Revenue API as clients are told of it."""
