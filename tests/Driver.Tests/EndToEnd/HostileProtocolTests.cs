using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>Whatever a foreign protocol does to its process, the command ends within its budget, as failed and with one line.</summary>
public sealed class HostileProtocolTests
{
    private static readonly string _this = typeof(HostileProtocolTests).Assembly.Location;

    [Theory]
    [InlineData("spinning", "the protocol does not return: a schedule went on when the budget was spent")]
    [InlineData("exiting", "the protocol ended the process, with status 0")]
    [InlineData("overflowing", "the protocol overflows the stack")]
    public async Task It_ends_as_failed_with_one_line(string protocol, string problem)
    {
        var (exitCode, _, errors) = await ExploreAsync("--protocol", protocol, "--budget", "1s");
        Assert.Equal(ExitCodes.BedFailed, exitCode);
        Assert.Equal($"verdict: failed: {_this}: {problem}\n", errors);
    }

    [Fact]
    public async Task One_that_behaves_ends_as_it_would_in_the_same_process()
    {
        var (exitCode, output, errors) = await ExploreAsync("--protocol", "harmless", "--schedules", "50", "--seed", "1");
        Assert.Equal((ExitCodes.Valid, ""), (exitCode, errors));
        Assert.Contains("verdict: valid", output, StringComparison.Ordinal);
        Assert.Contains("schedules 50,", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mistake_on_the_command_line_is_told_once()
    {
        var (exitCode, _, errors) = await ExploreAsync("--protocol", "nowhere");
        Assert.Equal(ExitCodes.Usage, exitCode);
        Assert.Equal(
            $"--protocol nowhere: {_this}: has no protocol 'nowhere'; allowed: exiting, harmless, overflowing, spinning\n", errors);
    }

    private static async Task<(int ExitCode, string Out, string Errors)> ExploreAsync(params string[] options)
    {
        using var folder = new TemporaryFolder();
        return await CommandProcess.RunAsync(
            folder.FullPath, ["explore", "fault-vs-invalidate", "--protocol-assembly", _this, .. options]);
    }
}
