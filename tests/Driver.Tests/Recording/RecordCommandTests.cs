using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.Recording;

/// <summary>`livebed record`: what cannot be recorded is one line. What can is recorded by the built command (RecordTests).</summary>
public sealed class RecordCommandTests
{
    [Theory]
    [InlineData("record: there is nothing to record; allowed: --pid N, or -- and a program with its arguments")]
    [InlineData("--pid 1: means nothing here; allowed: a process or a program", "--pid", "1", "--", "xz")]
    [InlineData("--pid x: 'x' is not a whole number; allowed: 1 to 2147483647", "--pid", "x")]
    [InlineData("record --pid 2147483647: there is no such process; allowed: the number of one that runs", "--pid", "2147483647")]
    [InlineData("--interval 0: is out of range; allowed: 1ms to 10s, as in 30s, 500ms or 200us", "--pid", "1", "--interval", "0us")]
    [InlineData("--backend dirty: 'dirty' is unknown; allowed: wp-async, soft-dirty, compare", "--pid", "1", "--backend", "dirty")]
    [InlineData(
        "--max-slowdown -1: -1 is out of range; allowed: 0.001 to 1000; 0 is no limit", "--pid", "1", "--max-slowdown", "-1")]
    [InlineData(
        "--max-slowdown 20%: '20%' is not a number; allowed: 0.001 to 1000; 0 is no limit", "--pid", "1", "--max-slowdown", "20%")]
    [InlineData("--out nowhere/x: its folder is not there; allowed: a file in a folder that is there", "--pid", "1", "-o", "nowhere/x")]
    [InlineData("--out .: is a folder; allowed: a file", "--pid", "1", "--out", ".")]
    [InlineData("record: the program has no name; allowed: -- and a program with its arguments", "--", "")]
    public async Task What_cannot_be_recorded_is_one_line(string message, params string[] arguments)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["record", .. arguments]));
        var line = Assert.Single(harness.Error.TrimEnd().Split('\n'));
        // The value of a time is spelled as it was given.
        Assert.Equal(message.Replace("--interval 0: is", "--interval 0us: 0us is", StringComparison.Ordinal), line);
        Assert.Empty(harness.Out);
    }
}
