"""The picture that tests/guest/bar_picture.c paints."""

COLOURS = [(192, 192, 192), (192, 192, 0), (0, 192, 192), (0, 192, 0), (192, 0, 192),
           (192, 0, 0), (0, 0, 192)]
BLOCK = 40


def is_pattern(picture, number, step=0, every=11):
    """Whether picture `number`, painted `step` colours further, is all over the screen."""
    return all(picture.at(x, y) == COLOURS[(x // BLOCK + 3 * (y // BLOCK) + 2 * number + step) % 7]
               for y in range(0, picture.height, every) for x in range(0, picture.width, every))
