using Livebed.Driver.Runs;

namespace Livebed.Driver.Tests.Runs;

/// <summary>A run folder is new, whole files only, and gone when the run never began.</summary>
public sealed class RunFolderTests : IDisposable
{
    private static readonly DateTimeOffset _time = new(2026, 11, 22, 21, 15, 3, TimeSpan.Zero);
    private readonly TemporaryFolder _parent = new();

    public void Dispose() => _parent.Dispose();

    [Fact]
    public void Its_name_is_the_time_and_the_campaign()
    {
        using var folder = RunFolder.Create(_parent.PathOf("runs"), _time, "a/b c", 10);
        Assert.Equal(_parent.PathOf("runs/20261122-211503-a-b-c"), folder.FullPath);
    }

    [Fact]
    public void Two_runs_of_one_second_have_two_folders()
    {
        using var first = RunFolder.Create(_parent.FullPath, _time, "x", 10);
        using var second = RunFolder.Create(_parent.FullPath, _time, "x", 10);
        Assert.Equal(first.FullPath + "-2", second.FullPath);
    }

    [Fact]
    public void A_written_file_is_whole_and_leaves_no_other()
    {
        using var folder = RunFolder.Create(_parent.FullPath, _time, "x", 10);
        folder.Write(RunFolder.ResultsFile, "old");
        folder.Write(RunFolder.ResultsFile, "new");
        folder.Complete();
        Assert.Equal("new", File.ReadAllText(folder.PathOf(RunFolder.ResultsFile)));
        Assert.Equal(
            ["history.jsonl", "results.json", "traces.otlp.jsonl"], Directory.GetFiles(folder.FullPath).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Discarded_it_takes_the_parent_that_it_made_with_it_but_no_other()
    {
        var made = RunFolder.Create(_parent.PathOf("runs"), _time, "x", 10);
        made.Discard();
        Assert.False(Directory.Exists(_parent.PathOf("runs")));

        using var kept = RunFolder.Create(_parent.PathOf("runs"), _time, "kept", 10);
        RunFolder.Create(_parent.PathOf("runs"), _time, "x", 10).Discard();
        Assert.Equal([kept.FullPath], Directory.GetDirectories(_parent.PathOf("runs")));
    }
}
