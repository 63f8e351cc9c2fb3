//! Both kubeseals, one list of cases: exit code, standard output after decrypting, the first line of standard error.
