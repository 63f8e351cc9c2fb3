//! bulla a repository through sealing, editing, updating, resealing and rolling back
