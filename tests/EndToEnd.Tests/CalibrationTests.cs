using Livebed.Driver.Errors;
using Livebed.Driver.Tests;

namespace Livebed.EndToEnd.Tests;

/// <summary>`livebed price calibrate` measures for 20 s.</summary>
public sealed class CalibrationTests
{
    [Fact]
    public async Task A_list_that_was_measured_here_can_be_used()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("price", "calibrate", "--out", "mine.yaml", "--quiet"));
        Assert.Contains("ReaderWriterLockSlim, for read, once", harness.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync(
            "price", "uncontended", "--prices", "mine.yaml", "--set", "ms=1", "--no-sensitivity", "--json"));
        Assert.Contains("\"prices\": \"mine\"", harness.Out, StringComparison.Ordinal);
        var list = await File.ReadAllTextAsync(harness.Folder.PathOf("mine.yaml"));
        Assert.Contains("taken over from x86-2021", list, StringComparison.Ordinal);
    }
}
