//! The audit log: who encrypted, decrypted or rotated which file, in PostgreSQL.
