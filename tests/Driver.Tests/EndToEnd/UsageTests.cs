using System.Net;
using System.Net.Sockets;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>Bad input to the real command: exit 64, one line, and nothing left behind.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class UsageTests
{
    [Theory]
    [InlineData("nowhere: there is no such campaign", "run", "nowhere")]
    [InlineData("vms.0.vcpus: 0 is out of range; allowed: 1 to 254", "run", "smoke", "--set", "vms.0.vcpus=0")]
    public async Task A_campaign_that_is_not_there_or_not_right_is_one_line(string expected, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        Refused(await CommandProcess.RunAsync(folder.FullPath, arguments), expected, folder);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_port_in_use_is_named(bool processes)
    {
        using var folder = new TemporaryFolder();
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        var port = ((IPEndPoint)holder.LocalEndpoint).Port;
        string[] arguments = ["run", "smoke", "--silos", "1", "--port", $"{port}"];
        var ended = await CommandProcess.RunAsync(folder.FullPath, processes ? [.. arguments, "--processes"] : arguments);
        Refused((ended.ExitCode, "", ended.Errors), $"port {port} is in use", folder);
    }

    [Theory]
    [InlineData("0", "--port 0: is no port; allowed: 1 to 65535")]
    [InlineData("65536", "--port 65536: is no port; allowed: 1 to 65535")]
    [InlineData("-1", "--port")]
    [InlineData("eleven", "--port eleven: is no port; allowed: 1 to 65535")]
    [InlineData("65534", "--port 65534: 2 silos need 4 ports from there on; allowed: 1 to 65532")]
    public async Task A_base_port_that_leaves_no_room_is_refused(string port, string expected)
    {
        using var command = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await command.RunCampaignAsync(CommandHarness.SmallCampaign, "--silos", "2", "--port", port));
        Assert.Contains(expected, Assert.Single(command.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Empty(command.RunFolders);
    }

    [Fact]
    public async Task The_base_port_reaches_the_runner()
    {
        using var command = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await command.RunCampaignAsync(CommandHarness.SmallCampaign, "--silos", "2", "--port", "65532"));
        Assert.Equal(65_532, command.Runner.Options!.BasePort);
    }

    private static void Refused((int ExitCode, string Out, string Errors) ended, string expected, TemporaryFolder folder)
    {
        Assert.Contains(expected, Assert.Single(ended.Errors.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Usage, ended.ExitCode);
        Assert.Equal("", ended.Out);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.FullPath));
    }
}
