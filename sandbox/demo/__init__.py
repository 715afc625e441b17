"""The main job of the sandbox: show the whole chain at work, then prove both sides equal."""
