using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;
using Livebed.Grains.Contracts;

namespace Livebed.Driver.Tests.Checking;

/// <summary>`check` judges a stored run by its history, and finds what was changed in it or in the results since.</summary>
public sealed class CheckCommandTests : IDisposable
{
    private readonly CommandHarness _harness;
    private readonly OwnerWatch _watch;
    private RunFolder? _folder;
    private bool _runsTwice;
    private bool _hidesIt;

    public CheckCommandTests()
    {
        _watch = new OwnerWatch
        {
            Note = (at, fact) => _folder!.History.Append("cluster", [HistoryRecord.Of(at, "cluster", fact)], long.MinValue),
        };
        _harness = new CommandHarness(new FakeRunner((_, folder, _, _) =>
        {
            _folder = folder;
            Runs(10, "host-0", 1, runs: true);
            if (!_runsTwice) Runs(20, "host-0", 1, runs: false);
            Runs(30, "host-1", 2, runs: true);
            var found = _watch.Settled();
            return Task.FromResult(new RunOutcome
            {
                Counts = new() { Accesses = 10, ChecksEvaluated = 1 },
                Owners = _watch.Judged,
                Violations = _hidesIt ? [] : [.. found.Select(one => ViolationResult.From(one, ViolationResult.OwnersSilo))],
            });
        }));
    }

    public void Dispose() => _harness.Dispose();

    [Fact]
    public async Task A_valid_run_is_valid_by_its_history_and_nothing_differs()
    {
        var folder = await RunAsync(ExitCodes.Valid);
        Assert.Equal(ExitCodes.Valid, await _harness.RunAsync("check", folder));
        Assert.Contains("verdict: valid", _harness.Out, StringComparison.Ordinal);
        Assert.Contains("history and results agree", _harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_VM_that_ran_twice_is_found_again_in_the_history()
    {
        _runsTwice = true;
        var folder = await RunAsync(ExitCodes.Invalid);
        Assert.Equal(ExitCodes.Invalid, await _harness.RunAsync("check", folder));
        Assert.Contains("Invariant M2 was violated", _harness.Out, StringComparison.Ordinal);
        Assert.Contains("history and results agree", _harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_history_decides_where_the_results_say_that_all_was_well()
    {
        (_runsTwice, _hidesIt) = (true, true);
        var folder = await RunAsync(ExitCodes.Valid);
        Assert.Equal(ExitCodes.Invalid, await _harness.RunAsync("check", folder));
        Assert.Contains("disagree: the verdict: valid in the results, invalid by the history", _harness.Out, StringComparison.Ordinal);
        Assert.Contains("disagree: violations of M2: 0 in the results, 1 by the history", _harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_figure_of_the_results_that_was_changed_is_named()
    {
        var folder = await RunAsync(ExitCodes.Valid);
        Change(folder, RunFolder.ResultsFile, text => text.Replace("\"accesses\": 10,", "\"accesses\": 11,", StringComparison.Ordinal));
        Assert.Equal(ExitCodes.Valid, await _harness.RunAsync("check", folder));
        Assert.Contains("disagree: counts.accesses: 11 in the results, 10 by the history", _harness.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cut", "history.jsonl: it has no last record")]
    [InlineData("half", "is cut off")]
    [InlineData("missing", "history.jsonl: it has 2 records before its last one, and its run wrote 3")]
    [InlineData("changed", "history.jsonl: its text is not what its run wrote")]
    [InlineData("garbage", "history.jsonl: record 0 is not what a run writes")]
    public async Task A_history_that_is_not_as_it_was_written_decides_nothing_and_says_so(string how, string says)
    {
        var folder = await RunAsync(ExitCodes.Valid);
        Change(folder, RunFolder.HistoryFile, text =>
        {
            var lines = text.TrimEnd('\n').Split('\n').ToList();
            if (how == "cut") lines.RemoveAt(lines.Count - 1);
            if (how == "missing") lines.RemoveAt(0);
            if (how == "changed") lines[0] = lines[0].Replace("\"time\":10,", "\"time\":11,", StringComparison.Ordinal);
            if (how == "garbage") lines[0] = "{}";
            return how == "half" ? text[..^10] : string.Join('\n', lines) + "\n";
        });
        Assert.Equal(ExitCodes.Unknown, await _harness.RunAsync("check", folder));
        Assert.Contains("verdict: unknown", _harness.Out, StringComparison.Ordinal);
        Assert.Contains(says, _harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_is_none_of_a_run_is_one_line_and_64()
    {
        Assert.Equal(ExitCodes.Usage, await _harness.RunAsync("check", "nowhere"));
        Assert.Single(_harness.Error.TrimEnd('\n').Split('\n'));
    }

    private async Task<string> RunAsync(int exitCode)
    {
        Assert.Equal(exitCode, await _harness.RunCampaignAsync(CommandHarness.SmallCampaign));
        return Assert.Single(_harness.RunFolders);
    }

    private void Runs(long at, string host, long epoch, bool runs) => _watch.Take(new ActorReport
    {
        Actor = $"vm-0.1@{host}",
        Silo = "silo-0",
        GuestRuns = [new GuestRunsEntry("vm-0.1", host, epoch, runs, at)],
    });

    private static void Change(string folder, string file, Func<string, string> change)
    {
        var path = Path.Combine(folder, file);
        var before = File.ReadAllText(path);
        var after = change(before);
        Assert.NotEqual(before, after);
        File.WriteAllText(path, after);
    }
}
