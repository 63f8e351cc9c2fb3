//! The preserving layout: encrypting, decrypting and changing a file by replacing the values alone. Comments, quoting, order, blank
//! lines, and anchors outside encrypted branches stay as they are.
