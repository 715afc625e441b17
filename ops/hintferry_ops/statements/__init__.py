"""Judge an application's statements before it moves: collect, normalise, try, rule."""
