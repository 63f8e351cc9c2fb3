//! Strict reading: what the format allows and only a manipulated or careless file has is refused, with the path and the rule.
