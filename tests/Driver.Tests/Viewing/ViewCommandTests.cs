using Livebed.Driver.Errors;
using Livebed.Driver.Viewing;

namespace Livebed.Driver.Tests.Viewing;

/// <summary>`view` and `run --view`: wrong input ends before anything is fetched; the viewer's addresses are those that it says, and it
/// ends with the command. That the viewer itself shows a run is seen by tests/Browser.</summary>
public sealed class ViewCommandTests
{
    [Theory]
    [InlineData("nowhere", "nowhere")]
    [InlineData("empty.jsonl", "empty.jsonl: is empty or no regular file;")]
    [InlineData("--port", "--port 0: is no port; allowed: 1 to 65535", "empty.jsonl", "0")]
    public async Task What_cannot_be_shown_is_one_line(string first, string expected, params string[] rest)
    {
        using var harness = new CommandHarness();
        harness.Folder.Write("empty.jsonl", "");
        string[] arguments = first == "--port" ? ["view", rest[0], first, rest[1]] : ["view", first];
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(arguments));
        Assert.StartsWith(expected, Assert.Single(harness.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_is_viewed_has_no_other_collector()
    {
        using var harness = new CommandHarness();
        Assert.Equal(
            ExitCodes.Usage, await harness.RunCampaignAsync(CommandHarness.SmallCampaign, "--view", "--otlp", "http://localhost:4317"));
        Assert.StartsWith("--otlp http://localhost:4317: the viewer of --view is the collector", harness.Error, StringComparison.Ordinal);
        Assert.Empty(harness.RunFolders);
    }

    [Fact]
    public async Task The_viewer_says_where_it_is_and_ends_with_the_command()
    {
        using var folder = new TemporaryFolder();
        var program = Program(folder, """
            echo "info: Now listening on: $ASPNETCORE_URLS"
            echo "      Now listening on: ${ASPNETCORE_URLS}81"
            echo "      OTLP/gRPC listening on: http://127.0.0.1:82"
            echo "      OTLP/HTTP listening on: http://127.0.0.1:83"
            echo $$ > pid
            exec tail -f /dev/null
            """);
        await using (var viewer = await AspireDashboard.StartAsync(program, port: 80, CancellationToken.None))
        {
            Assert.Matches(@"^http://127\.0\.0\.1:8081/login\?t=[0-9a-f]{32}$", viewer.Page.AbsoluteUri);
            Assert.Equal(("http://127.0.0.1:82/", "http://127.0.0.1:83/"), (viewer.Grpc.AbsoluteUri, viewer.Http.AbsoluteUri));
        }

        var process = int.Parse(File.ReadAllText(folder.PathOf("pid")), System.Globalization.CultureInfo.InvariantCulture);
        Assert.False(Directory.Exists($"/proc/{process}"));
    }

    [Fact]
    public async Task A_viewer_that_does_not_start_is_one_line_with_its_last_words()
    {
        using var folder = new TemporaryFolder();
        var program = Program(folder, "echo 'Failed to bind to address'");
        var refused = await Assert.ThrowsAsync<UsageException>(
            () => AspireDashboard.StartAsync(program, port: 0, CancellationToken.None));
        Assert.Equal(
            "the viewer does not start (Failed to bind to address); allowed: --otlp with a collector's address", refused.Message);
    }

    private static string Program(TemporaryFolder folder, string script)
    {
        var path = folder.PathOf("viewer");
        folder.Write("viewer", "#!/bin/sh\n" + script + "\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }
}
