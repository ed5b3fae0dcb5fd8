using System.Net;
using System.Net.Sockets;
using Livebed.Grains.Security;
using Livebed.Grains.Wire;

namespace Livebed.Grains.Tests.Security;

/// <summary>Both ends of a connection prove that they know the secret, or nothing follows.</summary>
public sealed class PeerHandshakeTests
{
    private static readonly ClusterSecret _secret = ClusterSecret.Random();

    [Fact]
    public async Task Both_ends_that_know_the_secret_go_on_and_no_byte_of_what_follows_is_taken()
    {
        var (connecting, accepting) = await PairAsync();
        using (connecting)
        using (accepting)
        {
            var accepted = new PeerHandshake(_secret, PeerKind.Pages).AcceptAsync(new PageSocket(accepting), default);
            await new PeerHandshake(_secret, PeerKind.Pages).ConnectAsync(new PageSocket(connecting), default);
            await connecting.SendAllAsync(new byte[] { 42 }, default);
            await accepted;
            var next = new byte[1];
            await accepting.FillAsync(next, default);
            Assert.Equal(42, next[0]);
        }
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Another_secret_or_a_proof_for_another_kind_of_connection_is_refused_by_the_end_that_connects(
        bool isOther, bool isGateway)
    {
        var (connecting, accepting) = await PairAsync();
        using (connecting)
        using (accepting)
        {
            var secret = isOther ? ClusterSecret.Random() : _secret;
            var accepted = new PeerHandshake(secret, isGateway ? PeerKind.Gateway : PeerKind.Pages)
                .AcceptAsync(new PageSocket(accepting), default);
            await Assert.ThrowsAsync<PeerRefusedException>(
                () => new PeerHandshake(_secret, PeerKind.Pages).ConnectAsync(new PageSocket(connecting), default));
            connecting.Dispose();
            await Assert.ThrowsAsync<EndOfStreamException>(() => accepted);
        }
    }

    [Fact]
    public async Task An_end_that_repeats_what_it_has_heard_is_refused()
    {
        var (stranger, accepting) = await PairAsync();
        using (stranger)
        using (accepting)
        {
            var accepted = new PeerHandshake(_secret, PeerKind.Silo).AcceptAsync(new PageSocket(accepting), default);
            await stranger.SendAllAsync((byte[])[.. "livebed-peer-1\r\n"u8, .. new byte[32]], default);
            var heard = new byte[64];
            await stranger.FillAsync(heard, default);
            await stranger.SendAllAsync(heard.AsMemory(32), default);
            await Assert.ThrowsAsync<PeerRefusedException>(() => accepted);
        }
    }

    [Fact]
    public async Task An_end_that_speaks_something_else_is_refused_at_its_first_words()
    {
        var (stranger, accepting) = await PairAsync();
        using (stranger)
        using (accepting)
        {
            await stranger.SendAllAsync((byte[])[.. "GET / HTTP/1.1\r\n"u8, .. new byte[64]], default);
            await Assert.ThrowsAsync<PeerRefusedException>(
                () => new PeerHandshake(_secret, PeerKind.Silo).AcceptAsync(new PageSocket(accepting), default));
        }
    }

    [Fact]
    public void A_secret_is_long_enough_and_is_in_no_text()
    {
        Assert.Null(ClusterSecret.TryParse(new string('x', 15)));
        Assert.Null(ClusterSecret.TryParse(new string('x', 1025)));
        var secret = ClusterSecret.TryParse($" {new string('x', 16)}\n");
        Assert.Equal(ClusterSecret.TryParse(new string('x', 16)), secret);
        Assert.NotEqual(ClusterSecret.Random(), secret);
        Assert.DoesNotContain("xx", $"{secret}", StringComparison.Ordinal);
        Assert.Equal("LIVEBED_SECRET: is no secret; allowed: " + ClusterSecret.Form, ClusterSecret.Find("short", null).Problem);
        Assert.StartsWith(
            "--secret-file /nowhere/at/all: cannot be read", ClusterSecret.Find(null, "/nowhere/at/all").Problem, StringComparison.Ordinal);
    }

    private static async Task<(Socket Connecting, Socket Accepting)> PairAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var connecting = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await connecting.ConnectAsync(listener.LocalEndpoint);
        return (connecting, await listener.AcceptSocketAsync());
    }
}
