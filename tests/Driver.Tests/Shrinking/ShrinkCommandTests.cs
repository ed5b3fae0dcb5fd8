using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Explorer.Replays;

namespace Livebed.Driver.Tests.Shrinking;

/// <summary>`livebed shrink` from a search's file to one that is smaller and breaks the same.</summary>
public sealed class ShrinkCommandTests : IDisposable
{
    private readonly CommandHarness _harness = new();

    public void Dispose() => _harness.Dispose();

    [Fact]
    public async Task It_writes_a_smaller_replay_beside_the_file_and_that_one_repeats()
    {
        await ExploreAsync();
        Assert.Equal(ExitCodes.Valid, await _harness.RunAsync("shrink", "found.replay.json"));
        Assert.Contains("still violates S2", _harness.Out, StringComparison.Ordinal);
        Assert.Contains("replay file  found.min.replay.json", _harness.Out, StringComparison.Ordinal);
        Assert.Contains("-- replay found.min.replay.json", _harness.Out, StringComparison.Ordinal);

        var (before, after) = (
            ReplayFile.Read(_harness.Folder.PathOf("found.replay.json")), ReplayFile.Read(_harness.Folder.PathOf("found.min.replay.json")));
        Assert.True(after.Schedule.Count < before.Schedule.Count);
        Assert.Equal(before.Violates, after.Violates);
        Assert.Equal(ExitCodes.Invalid, await _harness.RunAsync("replay", "found.min.replay.json"));
    }

    [Fact]
    public async Task Json_has_both_sizes_and_the_file()
    {
        await ExploreAsync();
        var explored = _harness.Out.Length;
        Assert.Equal(ExitCodes.Valid, await _harness.RunAsync("shrink", "found.replay.json", "--out", "small.json", "--json"));
        var json = JsonDocument.Parse(_harness.Out[explored..]).RootElement;
        Assert.Equal("small.json", json.GetProperty("replayFile").GetString());
        Assert.Equal("S2", json.GetProperty("kept").GetString());
        Assert.True(
            json.GetProperty("after").GetProperty("steps").GetInt64() <= json.GetProperty("before").GetProperty("steps").GetInt64());
        Assert.True(File.Exists(_harness.Folder.PathOf("small.json")));
    }

    [Fact]
    public async Task A_replay_that_breaks_nothing_any_more_is_unknown_and_leaves_no_file()
    {
        await ExploreAsync();
        var found = ReplayFile.Read(_harness.Folder.PathOf("found.replay.json"));
        ReplayFile.Write(_harness.Folder.PathOf("sound.replay.json"), found with { Mutant = "none" });
        Assert.Equal(ExitCodes.Unknown, await _harness.RunAsync("shrink", "sound.replay.json"));
        Assert.StartsWith("sound.replay.json: there is nothing to shrink: ", _harness.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_harness.Folder.PathOf("sound.min.replay.json")));
    }

    [Theory]
    [InlineData("{}", "this is no replay")]
    [InlineData("{\"format\":\"livebed-replay\",\"version\":99}", "version 99")]
    public async Task A_bad_file_is_a_usage_error_in_one_line(string content, string message)
    {
        _harness.Folder.Write("bad.json", content);
        Assert.Equal(ExitCodes.Usage, await _harness.RunAsync("shrink", "bad.json"));
        Assert.Contains(message, Assert.Single(_harness.Error.TrimEnd('\n').Split('\n')), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nowhere.json")]
    [InlineData("found.replay.json", "--budget", "never")]
    [InlineData("found.replay.json", "--out", "no/such/folder.json")]
    public async Task What_cannot_be_is_refused_before_anything_is_played(params string[] arguments)
    {
        await ExploreAsync();
        Assert.Equal(ExitCodes.Usage, await _harness.RunAsync(["shrink", .. arguments]));
        Assert.Contains("allowed: ", _harness.Error, StringComparison.Ordinal);
    }

    private async Task ExploreAsync() => Assert.Equal(
        ExitCodes.Invalid,
        await _harness.RunAsync(
            "explore", "fault-vs-invalidate", "--mutant", "no-retry-check", "--seed", "3", "--schedules", "1000",
            "--replay-file", "found.replay.json"));
}
