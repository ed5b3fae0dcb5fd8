using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;

namespace Livebed.Driver.Tests.Results;

/// <summary>docs/results.md has the rules of the verdict as a table. Each row is walked: a run that meets it ends with its verdict and its
/// exit status, and the rows above decide before it.</summary>
public sealed class VerdictRuleTests
{
    private static readonly RunOutcome _good = new() { Counts = new() { Accesses = 1_000, ChecksEvaluated = 20 } };

    /// <summary>What makes a good run meet a rule, by its name.</summary>
    private static readonly Dictionary<string, Func<RunOutcome, RunOutcome>> _runs = new(StringComparer.Ordinal)
    {
        ["violated"] = run => run with { Violations = [new("S6", "page 3 was lost", null, null, null, null, null, [], [])] },
        ["hung"] = run => run with { Hangs = [new(HangKind.Deadlock, "deadlock", "all wait", 1, [], [])] },
        ["left-behind"] = run => run with { Leaks = new() { Frames = 1 } },
        ["bed-failed"] = _ => throw new BedException("silo 2 did not start"),
        ["interrupted"] = run => run with { Interrupted = true },
        ["contact-lost"] = run => run with { ContactLost = ["an audit gave up"] },
        ["fault-not-made"] = run => run with { FaultsNotBegun = 2 },
        ["below-minimum"] = run => run with { Counts = run.Counts with { ChecksEvaluated = 0 } },
        ["under-delivered"] = run => run with { Load = new(new Dictionary<string, OperationLoad> { ["audit"] = new(10, 1, 1) }, 0, 0) },
        ["case-never-met"] = run => run with { Reached = new Dictionary<string, long>() },
        ["did-nothing"] = run => run with { Counts = new() },
        ["valid"] = run => run,
    };

    private const string Campaign = CommandHarness.SmallCampaign + "minimum: { checksEvaluated: 1 }\nreached: { fault-retried: 1 }\n";

    private static IReadOnlyList<string[]> Rows =>
    [
        .. Repository.File("docs/results.md").Split('\n')
            .SkipWhile(line => !line.StartsWith("| | rule |", StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line.StartsWith("| ", StringComparison.Ordinal))
            .Select(line => line.Split(" | ").Select(cell => cell.Trim('|', ' ')).ToArray()),
    ];

    public static TheoryData<string> Names => [.. Rows.Select(row => row[1].Trim('`'))];

    [Fact]
    public void The_table_has_the_rules_of_the_code_in_their_order()
    {
        var rules = VerdictRule.All.Select(
            (rule, at) => $"| {at + 1} | `{rule.Name}` | {rule.Condition} | {rule.Outcome} | {rule.ExitCode} |");
        Assert.Equal(rules, Rows.Select(row => $"| {string.Join(" | ", row)} |"));
        Assert.Equal(VerdictRule.All.Select(rule => rule.Name).Order(), _runs.Keys.Order());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_run_that_meets_a_row_has_its_verdict_and_exit_status(string name)
    {
        var row = Rows.Single(row => row[1].Trim('`') == name);
        Assert.Equal((row[3], row[4]), await EndAsync(_runs[name]));
    }

    /// <summary>The exit status of an interrupted run says that it was interrupted, whatever was found.</summary>
    [Fact]
    public async Task Of_two_rows_that_a_run_meets_the_upper_one_decides()
    {
        var rows = Rows.Where(row => row[1] is not ("`bed-failed`" or "`valid`")).ToList();
        for (var upper = 0; upper < rows.Count; upper++)
        {
            for (var lower = upper + 1; lower < rows.Count; lower++)
            {
                var (first, second) = (rows[upper][1].Trim('`'), rows[lower][1].Trim('`'));
                var exit = second == "interrupted" ? rows[lower][4] : rows[upper][4];
                Assert.Equal((rows[upper][3], exit), await EndAsync(run => _runs[second](_runs[first](run))));
            }
        }
    }

    private static async Task<(string Verdict, string ExitStatus)> EndAsync(Func<RunOutcome, RunOutcome> change)
    {
        var good = _good with { Reached = new Dictionary<string, long> { ["fault-retried"] = 1 } };
        using var harness = new CommandHarness(new FakeRunner((_, _, _, _) => Task.FromResult(change(good))));
        var status = await harness.RunCampaignAsync(Campaign);
        var hasResults = File.Exists(Path.Combine(Assert.Single(harness.RunFolders), "results.json"));
        return (hasResults ? KebabCase.Of(harness.Results().Verdict) : "failed", FormattableString.Invariant($"{status}"));
    }
}
