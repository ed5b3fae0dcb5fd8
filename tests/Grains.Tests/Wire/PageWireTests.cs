using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Livebed.Grains.Contracts;
using Livebed.Grains.Security;
using Livebed.Grains.Tests.Security;
using Livebed.Grains.Wire;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Wire;

/// <summary>Page connections over real sockets: what arrives is what was sent, and whatever goes wrong is an outcome that the sender is
/// told.</summary>
public sealed class PageWireTests
{
    private const int HeaderBytes = PageChunk.HeaderBytes;

    [Fact]
    public async Task A_chunk_arrives_as_it_was_sent_with_its_operation_and_its_answer_comes_back()
    {
        using var rig = await WireRig.StartAsync();
        var chunk = WireRig.Chunk(ChunkHeader.UrgentChannel, pages: 300);
        (OperationMessage Op, ChunkHeader Header, long[] Pages, byte[] Content, bool IsIntact) seen = default;
        rig.Door = (op, arrived, isIntact) =>
        {
            seen = (op, arrived.Header, arrived.Pages.ToArray(), arrived.Content.ToArray(), isIntact);
            return Task.FromResult(StreamStatus.NoMemory);
        };
        Assert.Equal(StreamStatus.NoMemory, await rig.SendAsync(chunk));
        Assert.Equal((7, OperationKind.MigrationPages), (seen.Op.OperationId, seen.Op.Kind));
        Assert.Equal(chunk.Header, seen.Header);
        Assert.Equal(chunk.Pages.ToArray(), seen.Pages);
        Assert.Equal(chunk.Content.ToArray(), seen.Content);
        Assert.True(seen.IsIntact);
        Assert.Equal((0, 0), (rig.Source.Traffic.Bytes, rig.Destination.Traffic.Bytes));
    }

    [Fact]
    public async Task A_silo_listens_where_it_is_told_and_nowhere_else_and_says_so()
    {
        var elsewhere = IPAddress.Parse("127.0.0.9");
        int port;
        using (var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            probe.Bind(new IPEndPoint(elsewhere, 0));
            port = ((IPEndPoint)probe.LocalEndPoint!).Port;
        }

        using var rig = await WireRig.StartAsync(address: elsewhere, port: port);
        Assert.Equal((elsewhere.ToString(), port), (rig.Endpoint!.Value.Address, rig.Endpoint.Value.Port));
        Assert.Equal(StreamStatus.Ok, await rig.SendAsync(WireRig.Chunk()));
        rig.Link.Dispose();
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAsync<SocketException>(() => stranger.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port)));
    }

    [Theory]
    [InlineData(HeaderBytes)]
    [InlineData(HeaderBytes + (2 * sizeof(long)) + 5_000)]
    public async Task A_byte_that_was_changed_on_the_way_is_noticed(int at)
    {
        using var rig = await WireRig.StartAsync();
        using var socket = await rig.ConnectAsync();
        Assert.Equal(PageConnection.TokenAccepted, await SayAsync(socket, HelloOf(rig.Endpoint!.Value.Token)));
        var bytes = BytesOf(WireRig.Chunk());
        Assert.Equal((byte)StreamStatus.Ok, await SayAsync(socket, bytes));
        bytes[at] ^= 1;
        Assert.Equal((byte)StreamStatus.Corrupt, await SayAsync(socket, bytes));
    }

    [Fact]
    public async Task A_receiver_that_stalls_stops_the_sender_within_a_chunk_a_channel()
    {
        using var rig = await WireRig.StartAsync();
        var stall = new TaskCompletionSource<StreamStatus>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var arrived = new SemaphoreSlim(0);
        rig.Door = (_, _, _) =>
        {
            arrived.Release();
            return stall.Task;
        };
        var first = rig.SendAsync(WireRig.Chunk(channel: 0));
        var second = rig.SendAsync(WireRig.Chunk(channel: 0));
        var other = rig.SendAsync(WireRig.Chunk(channel: 1));
        await arrived.WaitAsync();
        await arrived.WaitAsync();

        // Two channels have a chunk each at the destination; the third chunk waits for its channel and is still in its owner's buffers.
        Assert.Equal(2 * 2 * WireRig.PageSize, rig.Destination.Traffic.Bytes);
        Assert.False(first.IsCompleted || second.IsCompleted || other.IsCompleted);
        stall.SetResult(StreamStatus.Ok);
        Assert.Equal([StreamStatus.Ok, StreamStatus.Ok, StreamStatus.Ok], await Task.WhenAll(first, second, other));
        Assert.Equal(2 * 2 * WireRig.PageSize, rig.Destination.Traffic.PeakBytes);
        Assert.Equal(0, rig.Destination.Traffic.Bytes);
    }

    [Fact]
    public async Task A_connection_that_breaks_is_lost_at_once_and_the_next_chunk_gets_a_new_one()
    {
        using var rig = await WireRig.StartAsync();
        rig.Door = (_, _, _) =>
        {
            rig.Destination.CloseConnections();
            return Task.FromResult(StreamStatus.Ok);
        };
        Assert.Equal(StreamStatus.Lost, await rig.SendAsync(WireRig.Chunk()));
        rig.Door = (_, _, _) => Task.FromResult(StreamStatus.Ok);
        Assert.Equal(StreamStatus.Ok, await rig.SendAsync(WireRig.Chunk()));
        Assert.Equal(StreamStatus.Ok, await rig.SendAsync(WireRig.Chunk()));
        Assert.Equal(2, rig.Questions);
    }

    [Fact]
    public async Task Chunks_of_a_channel_that_are_under_way_at_once_have_an_answer_each()
    {
        using var rig = await WireRig.StartAsync();
        var stall = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        rig.Door = async (_, chunk, _) =>
        {
            await stall.Task;
            return (StreamStatus)chunk.Content.Span[0];
        };
        StreamStatus[] answers = [StreamStatus.Corrupt, StreamStatus.Refused, StreamStatus.NoMemory, StreamStatus.Corrupt];
        var sending = answers.Select(answer => rig.SendAsync(WireRig.Chunk(value: (byte)answer))).ToList();
        stall.SetResult();
        Assert.Equal(answers, await Task.WhenAll(sending));
        Assert.Equal(1, rig.Questions);
    }

    [Fact]
    public async Task A_connection_that_breaks_loses_all_chunks_that_are_under_way_and_is_made_once_more()
    {
        using var rig = await WireRig.StartAsync();
        var stall = new TaskCompletionSource<StreamStatus>(TaskCreationOptions.RunContinuationsAsynchronously);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        rig.Door = (_, _, _) =>
        {
            arrived.TrySetResult();
            return stall.Task;
        };
        var sending = Enumerable.Range(0, 4).Select(_ => rig.SendAsync(WireRig.Chunk())).ToList();
        await arrived.Task;
        rig.Source.CloseConnections();
        Assert.All(await Task.WhenAll(sending), answer => Assert.Equal(StreamStatus.Lost, answer));
        stall.SetResult(StreamStatus.Ok);
        Assert.Equal(StreamStatus.Ok, await rig.SendAsync(WireRig.Chunk()));
        Assert.Equal(StreamStatus.Ok, await rig.SendAsync(WireRig.Chunk()));
    }

    [Fact]
    public async Task A_destination_that_does_not_answer_in_time_has_lost_the_chunk()
    {
        using var rig = await WireRig.StartAsync(TimeSpan.FromMilliseconds(200));
        var stall = new TaskCompletionSource<StreamStatus>();
        rig.Door = (_, _, _) => stall.Task;
        Assert.Equal(StreamStatus.Lost, await rig.SendAsync(WireRig.Chunk()));
        stall.SetResult(StreamStatus.Ok);
    }

    [Fact]
    public async Task Nobody_listens_any_more_where_a_silo_has_stopped()
    {
        using var rig = await WireRig.StartAsync();
        await rig.Destination.StopAsync(default);
        Assert.Equal(StreamStatus.Lost, await rig.SendAsync(WireRig.Chunk()));
    }

    [Fact]
    public async Task A_host_that_is_not_there_is_lost()
    {
        using var rig = await WireRig.StartAsync();
        rig.Endpoint = null;
        Assert.Equal(StreamStatus.Lost, await rig.SendAsync(WireRig.Chunk()));
    }

    [Fact]
    public async Task A_wrong_token_is_refused_and_nothing_of_its_chunk_arrives()
    {
        using var rig = await WireRig.StartAsync();
        var arrived = 0;
        rig.Door = (_, _, _) => Task.FromResult((StreamStatus)Interlocked.Increment(ref arrived));
        var right = rig.Endpoint!.Value;
        rig.Endpoint = right with { Token = Guid.NewGuid() };
        Assert.Equal(StreamStatus.Refused, await rig.SendAsync(WireRig.Chunk()));
        rig.Destination.Close(right.Token);
        rig.Endpoint = right;
        Assert.Equal(StreamStatus.Refused, await rig.SendAsync(WireRig.Chunk()));
        Assert.Equal(0, arrived);
    }

    [Fact]
    public async Task A_stranger_who_speaks_another_language_is_refused()
    {
        using var rig = await WireRig.StartAsync();
        using var socket = await rig.ConnectAsync();
        var hello = HelloOf(rig.Endpoint!.Value.Token);
        hello[0] ^= 1;
        Assert.Equal(PageConnection.TokenRefused, await SayAsync(socket, hello));
        Assert.Equal(0, await socket.ReceiveAsync(new byte[1]));
    }

    [Fact]
    public async Task Hosts_that_know_the_secret_send_pages_and_those_that_know_another_send_none()
    {
        var secret = ClusterSecret.Random();
        using var rig = await WireRig.StartAsync(sourceSecret: secret, destinationSecret: secret);
        Assert.Equal(StreamStatus.Ok, await rig.SendAsync(WireRig.Chunk()));
        using var strangers = await WireRig.StartAsync(sourceSecret: ClusterSecret.Random(), destinationSecret: secret);
        var arrived = 0;
        strangers.Door = (_, _, _) => Task.FromResult((StreamStatus)Interlocked.Increment(ref arrived));
        Assert.Equal(StreamStatus.Lost, await strangers.SendAsync(WireRig.Chunk()));
        Assert.Equal(0, arrived);
    }

    [Fact]
    public async Task With_certificates_chunks_arrive_as_they_were_sent_several_on_their_way_and_a_silo_without_one_is_refused()
    {
        using var authority = new ClusterAuthority("cluster");
        var (source, destination) = (CertificatesOf(authority, "source"), CertificatesOf(authority, "destination"));
        using var rig = await WireRig.StartAsync(sourceCertificates: source, destinationCertificates: destination);
        var seen = new ConcurrentQueue<(byte[] Content, bool IsIntact)>();
        rig.Door = (_, chunk, isIntact) =>
        {
            seen.Enqueue((chunk.Content.ToArray(), isIntact));
            return Task.FromResult(StreamStatus.Ok);
        };
        var chunks = Enumerable.Range(1, 8).Select(value => WireRig.Chunk(value % 2, pages: 100, (byte)value)).ToList();
        Assert.All(await Task.WhenAll(chunks.Select(rig.SendAsync)), status => Assert.Equal(StreamStatus.Ok, status));
        Assert.All(seen, chunk => Assert.True(chunk.IsIntact));
        Assert.Equal(
            chunks.Select(chunk => Convert.ToHexString(chunk.Content.Span)).Order(),
            seen.Select(chunk => Convert.ToHexString(chunk.Content)).Order());
        rig.Destination.CloseConnections();
        Assert.Contains(StreamStatus.Ok, new[] { await rig.SendAsync(chunks[0]), await rig.SendAsync(chunks[0]) });

        using var other = new ClusterAuthority("cluster");
        foreach (var certificates in new[] { null, CertificatesOf(other, "source") })
        {
            using var strangers = await WireRig.StartAsync(sourceCertificates: certificates, destinationCertificates: destination);
            var arrived = 0;
            strangers.Door = (_, _, _) => Task.FromResult((StreamStatus)Interlocked.Increment(ref arrived));
            Assert.Equal(StreamStatus.Lost, await strangers.SendAsync(WireRig.Chunk()));
            Assert.Equal(0, arrived);
        }
    }

    [Fact]
    public async Task Connections_that_say_nothing_keep_no_host_out()
    {
        using var rig = await WireRig.StartAsync();
        var strangers = new List<Socket>();
        for (var i = 0; i < PageWire.ConnectionsMax + 8; i++) strangers.Add(await rig.ConnectAsync());
        Assert.Equal(StreamStatus.Ok, await rig.SendAsync(WireRig.Chunk()));
        Assert.Equal(0, rig.Destination.ConnectionsRefused);
        strangers.ForEach(stranger => stranger.Dispose());
    }

    [Fact]
    public async Task Lengths_that_no_chunk_has_end_the_connection_before_a_buffer_is_lent()
    {
        using var rig = await WireRig.StartAsync();
        using var socket = await rig.ConnectAsync();
        await SayAsync(socket, HelloOf(rig.Endpoint!.Value.Token));
        var header = BytesOf(WireRig.Chunk())[..HeaderBytes];
        new PageFrame(default, default, Pages: 1, PageFrame.ContentBytesMax + 1, Checksum: 0).WriteTo(header);
        await socket.SendAsync(header);
        Assert.Equal(0, await socket.ReceiveAsync(new byte[1]));
        Assert.Equal(0, rig.Destination.Traffic.PeakBytes);
    }

    [Fact]
    public async Task A_defect_of_the_receiver_is_the_senders_exception_and_the_connection_goes_on()
    {
        using var rig = await WireRig.StartAsync();
        rig.Door = (_, _, _) => throw new ArgumentException($"a page too many {new string('x', 1000)}");
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => rig.SendAsync(WireRig.Chunk()));
        Assert.Contains("ArgumentException: a page too many", failure.Message, StringComparison.Ordinal);
        rig.Door = (_, _, _) => throw new TimeoutException("a grain did not answer");
        Assert.Equal(StreamStatus.Lost, await rig.SendAsync(WireRig.Chunk()));
        rig.Door = (_, _, _) => Task.FromResult(StreamStatus.Ok);
        Assert.Equal(StreamStatus.Ok, await rig.SendAsync(WireRig.Chunk()));
        Assert.Equal(1, rig.Questions);
    }

    [Fact]
    public async Task A_link_that_is_closed_waits_for_nobody()
    {
        using var rig = await WireRig.StartAsync();
        var stall = new TaskCompletionSource<StreamStatus>();
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        rig.Door = (_, _, _) =>
        {
            arrived.SetResult();
            return stall.Task;
        };
        var sending = rig.SendAsync(WireRig.Chunk());
        await arrived.Task;
        rig.Link.Dispose();
        Assert.Equal(StreamStatus.Lost, await sending);
        Assert.Equal(StreamStatus.Lost, await rig.SendAsync(WireRig.Chunk()));
        stall.SetResult(StreamStatus.Ok);
    }

    private static ClusterCertificates CertificatesOf(ClusterAuthority authority, string name)
    {
        var (certificate, key) = authority.Issue(name);
        return ClusterCertificates.Find(certificate, key, authority.File).Certificates!;
    }

    private static byte[] HelloOf(Guid token) => [.. PageConnection.Magic, .. token.ToByteArray()];

    private static byte[] BytesOf(PageChunk chunk)
    {
        var header = new byte[HeaderBytes];
        PageFrame.Of(default, chunk.Sealed()).WriteTo(header);
        return [.. header, .. MemoryMarshal.AsBytes(chunk.Pages.Span), .. chunk.Content.Span];
    }

    private static async Task<byte> SayAsync(Socket socket, byte[] bytes)
    {
        await socket.SendAllAsync(bytes, default);
        var answer = new byte[1];
        await socket.FillAsync(answer, default);
        return answer[0];
    }
}
