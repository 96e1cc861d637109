# Relative survival against a life table. Debian: r-cran-relsurv.
source("r/common.R")
suppressPackageStartupMessages(library(relsurv))

people <- read("colrec_sample")
people$diag <- as.date(people$diag)

# survexp_us_1994_2020 as a table of R's: constant from birthday to birthday and from New Year to New Year.
rows <- read("survexp_us_1994_2020")
ages <- sort(unique(rows$age)); years <- sort(unique(rows$year)); sexes <- c("male", "female")
rows <- rows[order(rows$year, match(rows$sex, sexes), rows$age), ]
table_us <- array(rows$daily_hazard, c(length(ages), 2, length(years)))
attributes(table_us) <- list(
  dim = c(length(ages), 2L, length(years)), dimnames = list(ages, sexes, years), dimid = c("age", "sex", "year"),
  factor = c(0, 1, 0), cutpoints = list(365.241 * ages, NULL, mdy.date(1, 1, years)), class = "ratetable")

read_off <- function(r, times) {
  s <- summary(r, times = times)
  list(time = times, surv = s$surv, std_err = s$std.err, lower = s$lower, upper = s$upper)
}
curve <- function(data, method, ...)
  rs.surv(Surv(time, stat) ~ 1, data = data, ratetable = table_us, rmap = list(age = age, sex = sex, year = diag),
          method = method, ...)

last <- max(people$time[people$time <= 1826])
times <- c(max(people$time[people$time <= 365]), last)
save_value("r_relative_survival_us", "colrec_sample", "rs.surv(ratetable = survexp_us_1994_2020) at the last times up to 1 and 5 years",
           list(ederer1 = read_off(curve(people, "ederer1"), times),
                ederer2 = read_off(curve(people, "ederer2", precision = 0.02), times)), "relsurv")

# R takes the hazard of the start of each step, a day long or shorter: a birthday is late by half a step. For Pohar
# Perme it also averages over the steps of an interval in a way of its own. Steps of a twentieth of a day show both.
old <- people[people$age > 75 * 365.241, ]
save_value("r_net_survival_us_steps", "colrec_sample, older than 75 years",
           "rs.surv(method = 'pohar-perme', add.times = seq(0.05, 365, 0.05))",
           read_off(curve(old, "pohar-perme", add.times = seq(0.05, 365, 0.05)), c(180.01, 365.01)), "relsurv")
save_value("r_net_survival_us_daily", "colrec_sample", "rs.surv(method = 'pohar-perme', add.times = 1:1825)",
           read_off(curve(people, "pohar-perme", add.times = seq_len(last)), times), "relsurv")
