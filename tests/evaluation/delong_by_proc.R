# The areas, statistics and p-values of pROC (Robin et al., BMC Bioinformatics 12, 2011) that test_paired_tests.py compares
# with: `Rscript tests/evaluation/delong_by_proc.R`, with the Debian package r-cran-proc.
suppressMessages(library(pROC))
cat("pROC", as.character(packageVersion("pROC")), R.version.string, "\n")
# Scores with ties; both models of the same rows.
i <- 0:59
truth <- as.integer((i * 7) %% 10 < 4)
one <- ((i * 37) %% 23) / 23 + 0.35 * truth
other <- ((i * 41) %% 19) / 19 + 0.15 * truth
few <- as.integer((i * 7) %% 60 < 5)
third <- ((i * 29) %% 31) / 31 + 0.4 * few
for (case in list(list(truth, one, other), list(few, third, other))) {
  a <- roc(case[[1]], case[[2]], direction = "<", quiet = TRUE)
  b <- roc(case[[1]], case[[3]], direction = "<", quiet = TRUE)
  t <- roc.test(a, b, method = "delong", paired = TRUE)
  cat(sprintf("%.15g %.15g Z %.15g p %.15g var %.15g %.15g cov %.15g\n", auc(a), auc(b), t$statistic, t$p.value, var(a), var(b), cov(a, b)))
}
