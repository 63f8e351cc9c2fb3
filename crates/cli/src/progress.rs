//! Progress of long work: a bar on a terminal, plain lines elsewhere, nothing with `-q`.
