//! Wrapping text as the real tool wraps it: only at spaces, a word that is too long sticks out.

/// Wraps at `width` characters. Spaces at a break vanish; newlines stay; a no-break space is part of its word.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut column, mut spaces, mut word) = (0, String::new(), String::new());
    let count = |text: &str| text.chars().count();
    for letter in text.chars() {
        if letter == '\n' {
            // Spaces at the end of a line stay if they fit.
            if !word.is_empty() || column + count(&spaces) <= width {
                out.push_str(&spaces);
            }
            out.push_str(&word);
            out.push('\n');
            spaces.clear();
            word.clear();
            column = 0;
        } else if letter.is_whitespace() && letter != '\u{a0}' {
            if spaces.is_empty() || !word.is_empty() {
                column += count(&spaces) + count(&word);
                out.push_str(&spaces);
                out.push_str(&word);
                spaces.clear();
                word.clear();
            }
            spaces.push(letter);
        } else {
            word.push(letter);
            let length = count(&word);
            if column + count(&spaces) + length > width && length < width {
                out.push('\n');
                spaces.clear();
                column = 0;
            }
        }
    }
    if !word.is_empty() || column + count(&spaces) <= width {
        out.push_str(&spaces);
    }
    out.push_str(&word);
    out
}
