//! Go's text/template with sprig's functions, on bytes, with a budget and errors that carry no values.
