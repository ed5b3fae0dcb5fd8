using System.IO.Compression;
using System.Text;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>A trace that cannot be replayed is found before the run and reported at the line of the campaign that names it.</summary>
public sealed class TraceErrorTests
{
    private const string Header =
        """{"format":"dirty-page-trace/1","name":"t","source":"test","pageSize":4096,"pages":100,"intervals":2}""";

    [Fact]
    public async Task A_good_trace_gives_the_VM_its_pages()
    {
        using var harness = new CommandHarness();
        Gzip(harness, Header + "\n10000 0+3 7\n20000 1\n");
        Assert.Equal(ExitCodes.Valid, await Run(harness));
        Assert.Equal(100, harness.Runner.Campaign!.Vms[0].RamPages);
        Assert.Equal(harness.Folder.PathOf("t.gz"), harness.Runner.Campaign.Vms[0].Guest.TracePath);
    }

    [Fact]
    public async Task A_missing_trace_is_refused()
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await Run(harness));
        AssertRefused(harness, "'t.gz' does not exist");
    }

    [Theory]
    [InlineData("not JSON\n")]
    [InlineData("""{"format":"dirty-page-trace/2","name":"t","source":"test","pageSize":4096,"pages":100,"intervals":1}""" + "\n1 0\n")]
    [InlineData(Header + "\n10000 0\n")]
    [InlineData(Header + "\n10000 0\n20000 100\n")]
    [InlineData(Header + "\n10000 0\nsoon 1\n")]
    public async Task A_malformed_trace_is_refused(string text)
    {
        using var harness = new CommandHarness();
        Gzip(harness, text);
        Assert.Equal(ExitCodes.Usage, await Run(harness));
        AssertRefused(harness, "the trace cannot be replayed: ");
    }

    [Fact]
    public async Task A_truncated_trace_is_refused()
    {
        using var harness = new CommandHarness();
        Gzip(harness, Header + "\n10000 0+3 7\n20000 1\n");
        var whole = File.ReadAllBytes(harness.Folder.PathOf("t.gz"));
        File.WriteAllBytes(harness.Folder.PathOf("t.gz"), whole[..(whole.Length - 12)]);
        Assert.Equal(ExitCodes.Usage, await Run(harness));
        AssertRefused(harness, "the trace cannot be replayed: ");
    }

    [Fact]
    public async Task A_file_that_is_not_gzip_is_refused()
    {
        using var harness = new CommandHarness();
        harness.Folder.Write("t.gz", "plain text");
        Assert.Equal(ExitCodes.Usage, await Run(harness));
        AssertRefused(harness, "the trace cannot be replayed: ");
    }

    [Fact]
    public async Task Keys_of_a_synthetic_guest_are_refused_beside_a_trace()
    {
        using var harness = new CommandHarness();
        Gzip(harness, Header + "\n10000 0\n20000 1\n");
        Assert.Equal(ExitCodes.Usage, await harness.RunCampaignAsync("vms:\n  - guest:\n      trace: t.gz\n      stride: 2\n"));
        Assert.StartsWith("c.yaml:4: vms.0.guest.stride: belongs to a synthetic guest", harness.Error, StringComparison.Ordinal);
        Assert.EndsWith("allowed: trace, populate, speed, readPercent\n", harness.Error, StringComparison.Ordinal);
    }

    private static Task<int> Run(CommandHarness harness) => harness.RunCampaignAsync("vms:\n  - name: a\n    guest:\n      trace: t.gz\n");

    private static void Gzip(CommandHarness harness, string text)
    {
        using var gzip = new GZipStream(File.Create(harness.Folder.PathOf("t.gz")), CompressionLevel.Fastest);
        gzip.Write(Encoding.UTF8.GetBytes(text));
    }

    private static void AssertRefused(CommandHarness harness, string expected)
    {
        Assert.StartsWith("c.yaml:4: vms.0.guest.trace: " + expected, harness.Error, StringComparison.Ordinal);
        Assert.Equal(harness.Error.Length - 1, harness.Error.IndexOf('\n', StringComparison.Ordinal));
        Assert.Empty(harness.RunFolders);
        Assert.Null(harness.Runner.Campaign);
    }
}
