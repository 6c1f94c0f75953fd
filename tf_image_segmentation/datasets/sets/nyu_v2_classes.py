"""The 40 classes of NYU Depth V2, and which of the 894 names of its labels belong to each."""

from __future__ import annotations

from tf_image_segmentation.datasets.class_table import class_table

# The names as published, with their spelling; the colors are those in which ScanNet shows them.
CLASS_NAMES, PALETTE = class_table(
    """\
wall 174 199 232
floor 152 223 138
cabinet 31 119 180
bed 255 187 120
chair 188 189 34
sofa 140 86 75
table 255 152 150
door 214 39 40
window 197 176 213
bookshelf 148 103 189
picture 196 156 148
counter 23 190 207
blinds 178 76 76
desk 247 182 210
shelves 66 188 102
curtain 219 219 141
dresser 140 57 197
pillow 202 185 52
mirror 51 176 203
floor mat 200 54 131
clothes 92 193 61
ceiling 78 71 183
books 172 114 82
refridgerator 255 127 14
television 91 163 138
paper 153 98 156
towel 140 153 101
shower curtain 158 218 229
box 100 125 154
whiteboard 178 127 135
person 120 185 128
night stand 146 111 194
toilet 44 160 44
sink 112 128 144
lamp 96 207 209
bathtub 227 119 194
bag 213 92 176
otherstructure 94 106 211
otherfurniture 82 84 163
otherprop 100 85 144"""
)

NUM_LABELS = 894

# classMapping40.mat of Gupta et al.: of the first 37 classes each has a single label, that of its
# name. The other 857 labels are structures, furniture, or else props.
_OWN_LABELS = """
21 11 3 157 5 83 19 28 59 88 64 7 80 36 42 89 169 119 122 143 141 4 85 17 172 15 135 123 26 45 331
158 124 24 144 136 55
"""
_STRUCTURES = """
8 25 33 38 51 53 57 58 62 65 79 94 104 112 134 153 215 216 223 225 238 241 242 256 295 301 339 342
354 363 372 380 392 408 412 453 456 463 477 497 541 550 553 567 573 582 591 609 612 615 642 645
657 658 659 663 667 668 686 700 702 777 778 782 850 861 868 874
"""
_FURNITURE = """
12 43 48 50 87 106 111 161 163 174 183 204 214 219 221 224 236 262 278 291 298 313 343 344 356 359
373 393 401 414 418 419 430 443 444 447 448 457 458 460 462 475 479 485 486 493 494 498 499 509
510 515 521 524 540 549 551 554 556 558 576 580 608 625 703 734 770 772 797 800 803 804 813 814
815 820 829 835 858 863 882 892
"""


def _labels(text: str) -> list[int]:
    return [int(number) for number in text.split()]


_STRUCTURE, _PIECE_OF_FURNITURE, _PROP = range(len(CLASS_NAMES) - 3, len(CLASS_NAMES))

CLASS_OF_LABEL: dict[int, int] = (
    dict.fromkeys(range(1, NUM_LABELS + 1), _PROP)
    | {label: index for index, label in enumerate(_labels(_OWN_LABELS))}
    | dict.fromkeys(_labels(_STRUCTURES), _STRUCTURE)
    | dict.fromkeys(_labels(_FURNITURE), _PIECE_OF_FURNITURE)
)
"""The class id, 0 to 39, of each label, 1 to 894."""
