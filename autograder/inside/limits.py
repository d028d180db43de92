"""What a submission may use: the one place of all limits, of every grader.

They are no secret. They stand here because every other room may import this one.
"""

# Time, in seconds by the clock unless another is named.
CELL_SECONDS = 30  # one cell of the student's, under nbgrader, otter and `course grade` alike
CALL_SECONDS = 10.0  # one call of a check into the student's code
CHECK_TOTAL_SECONDS = 60.0  # all calls of a check
SUBMISSION_SECONDS = 600.0  # all cells and calls of a submission
CPU_SECONDS = 600  # of CPU, of each process of a submission
START_SECONDS = 120.0  # until a process of a submission answers
GRACE_SECONDS = 5.0  # beyond a limit, until a process that does not answer is ended
DESCRIBE_SECONDS = 2.0  # to put an exception of the student's into words

# Memory, disk and processes of a submission, all its processes together.
MEMORY_BYTES = 3 << 30
DISK_BYTES = 256 << 20
PROCESSES = 128  # threads count
OPEN_FILES = 512

# What crosses between its process and the one that judges.
MESSAGE_CHARACTERS = 20_000  # of what an exception says
VALUE_ITEMS = 100_000  # of nested lists in one value
VALUE_BYTES = 16 << 20  # of the tensors and texts in one value
ANSWER_BYTES = 32 << 20  # of an answer; parsed JSON takes up to twenty times as much

# What is handed in: larger files, cells and texts are refused or cut, with a message.
MAX_FILES = 100_000  # in a folder or an archive
MAX_FILE = 100_000_000  # bytes
MAX_CELLS = 10_000
MAX_CELL = 1_000_000  # characters of a cell's source
MAX_SOURCES = 5_000_000  # of all sources of a notebook
MAX_CELL_OUTPUT = 200_000  # of the outputs of a cell
MAX_OUTPUTS = 2_000_000  # of all outputs of a notebook
MAX_PICTURES = 20_000_000  # photographs of a page, pasted into written answers
MAX_PARSED = 200_000  # characters of a cell that ast may parse; else a regex looks
MATCH_SECONDS = 60.0  # of CPU, to find the cells of a notebook; 50 MB of outputs take some seconds

# What people open.
PAGE_SECONDS = 20.0  # of CPU, for a feedback page; it takes a tenth, the first some more
MAX_TEXT = 100_000  # characters of a written answer that is shown as formatted HTML
MAX_PIECES = 1_000_000  # of its HTML; more is shown as it was typed
