// How Allure makes report/evidence.html; testbed/allure_page.py gives the run's part of it.
const { output, history, variables } = JSON.parse(process.env.CODODEMO_ALLURE);

export default {
  name: "The workshop: all evidence",
  output,
  historyPath: history,
  appendHistory: true,
  historyLimit: 20,
  variables,
  hideLabels: ["host", "thread", "framework", "language", "package", "parentSuite", "suite", "subSuite", "tag"],
  categories: {
    rules: [
      { name: "Errata: the text as written fails, as foretold", matchers: { labels: { erratum: "shown" } } },
      { name: "Flaky", matchers: { flaky: true } },
      { name: "Claims that do not hold", matchers: { statuses: ["failed"] } },
      { name: "Could not be checked", matchers: { statuses: ["broken"] } },
      { name: "Not checked here", matchers: { statuses: ["skipped"] } },
    ],
  },
  plugins: {
    awesome: {
      options: {
        reportName: "The workshop: all evidence",
        singleFile: true,
        reportLanguage: "en",
        groupBy: ["epic", "feature", "story"],
        defaultSortBy: "name,asc",
      },
    },
  },
};
