using System.Net;
using System.Net.Sockets;
using Livebed.Grains.Contracts;
using Livebed.Grains.Wire;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;
using Microsoft.Extensions.Logging.Abstractions;

namespace Livebed.Grains.Tests.Wire;

/// <summary>Page connections between two silos' ends, without grains: what was sent arrives, what was damaged is noticed, who stalls holds the other up, and what breaks is not waited for.</summary>
public sealed class PageWireTests : IAsyncLifetime
{
    private const int PageSize = 512;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly OperationMessage Op = OperationMessage.From(new Operation(new OperationId(7), OperationKind.Migration));

    private readonly PageWire _here = New();
    private readonly PageWire _there = New();

    public async Task InitializeAsync()
    {
        await _here.StartAsync(CancellationToken.None);
        await _there.StartAsync(CancellationToken.None);
    }

    public Task DisposeAsync()
    {
        _here.Dispose();
        _there.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_chunk_arrives_as_it_was_sent_and_its_answer_comes_back()
    {
        var taken = new List<(OperationMessage Op, ChunkHeader Header, long[] Pages, byte[] Content, bool IsIntact)>();
        using var connection = await ConnectAsync(_there.Open((op, chunk, isIntact) =>
        {
            taken.Add((op, chunk.Header, chunk.Pages.ToArray(), chunk.Content.ToArray(), isIntact));
            return Task.FromResult(taken.Count == 1 ? StreamStatus.Ok : StreamStatus.Refused);
        }));
        var first = Chunk(1, 9);
        Assert.Equal(StreamStatus.Ok, await SendAsync(connection, first));
        Assert.Equal(StreamStatus.Refused, await SendAsync(connection, Chunk(2, PageBatch.PagesMax)));
        Assert.Equal([(9, true), (PageBatch.PagesMax, true)], taken.Select(chunk => (chunk.Pages.Length, chunk.IsIntact)));
        Assert.Equal((Op, first.Header), (taken[0].Op, taken[0].Header));
        Assert.Equal(first.Pages.ToArray(), taken[0].Pages);
        Assert.Equal(first.Content.ToArray(), taken[0].Content);
    }

    [Fact]
    public async Task A_byte_that_changed_on_the_way_is_noticed()
    {
        var intact = new List<bool>();
        using var connection = await ConnectAsync(_there.Open((_, _, isIntact) =>
        {
            intact.Add(isIntact);
            return Task.FromResult(isIntact ? StreamStatus.Ok : StreamStatus.Corrupt);
        }));
        var chunk = Chunk(3, 20);
        var damaged = chunk.Content.ToArray();
        damaged[PageSize + 5] ^= 1;
        var movedPages = chunk.Pages.ToArray();
        movedPages[4] ^= 1;
        Assert.Equal(StreamStatus.Corrupt, await SendAsync(connection, chunk with { Content = damaged }));
        Assert.Equal(StreamStatus.Corrupt, await SendAsync(connection, chunk with { Pages = movedPages }));
        Assert.Equal(StreamStatus.Ok, await SendAsync(connection, chunk));
        Assert.Equal([false, false, true], intact);
    }

    [Fact]
    public async Task Without_the_token_nobody_is_let_in_and_a_closed_door_lets_in_nobody()
    {
        var isCalled = false;
        var endpoint = _there.Open((_, _, _) =>
        {
            isCalled = true;
            return Task.FromResult(StreamStatus.Ok);
        });
        Assert.Null(await OpenAsync(endpoint with { Token = Guid.NewGuid() }));
        _there.Close(endpoint.Token);
        Assert.Null(await OpenAsync(endpoint));
        Assert.False(isCalled);
    }

    [Fact]
    public async Task A_receiver_that_stalls_holds_the_sender_up_with_one_chunk_in_buffers()
    {
        var release = new TaskCompletionSource<StreamStatus>(TaskCreationOptions.RunContinuationsAsynchronously);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var connection = await ConnectAsync(_there.Open((_, _, _) =>
        {
            reached.TrySetResult();
            return release.Task;
        }));
        var chunk = Chunk(4, 64);
        var sending = SendAsync(connection, chunk);
        await reached.Task.WaitAsync(Patience);
        Assert.False(sending.IsCompleted);
        Assert.Equal(chunk.Content.Length, _there.Traffic.Bytes);
        release.SetResult(StreamStatus.Ok);
        Assert.Equal(StreamStatus.Ok, await sending);
        Assert.Equal(StreamStatus.Ok, await SendAsync(connection, chunk));
        Assert.Equal(chunk.Content.Length, _there.Traffic.PeakBytes);
    }

    [Fact]
    public async Task A_connection_that_is_cut_is_broken_for_whoever_waits_for_its_answer()
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var endpoint = _there.Open(async (_, _, _) =>
        {
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, _there.Stopping);
            return StreamStatus.Ok;
        });
        using var connection = await ConnectAsync(endpoint);
        var sending = SendAsync(connection, Chunk(5, 3));
        await reached.Task.WaitAsync(Patience);
        _there.Cut();
        Assert.True(PageConnection.IsBroken((await Record.ExceptionAsync(() => sending))!));

        // A new one can be made.
        using var another = await ConnectAsync(endpoint);
    }

    [Fact]
    public async Task What_fails_behind_the_door_fails_at_the_sender_with_its_words()
    {
        using var connection = await ConnectAsync(_there.Open((_, _, _) => throw new InvalidOperationException("the frame is not there")));
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => SendAsync(connection, Chunk(6, 1)));
        Assert.Contains("InvalidOperationException: the frame is not there", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_does_not_speak_the_protocol_is_sent_away()
    {
        var endpoint = _there.Open((_, _, _) => Task.FromResult(StreamStatus.Ok));
        using var stranger = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await stranger.ConnectAsync(IPAddress.Parse(endpoint.Address), endpoint.Port);
        await stranger.SendAsync("GET / HTTP/1.1\r\nHost: livebed\r\n\r\n"u8.ToArray());
        var answer = new byte[16];
        Assert.Equal(1, await stranger.ReceiveAsync(answer).WaitAsync(Patience));
        Assert.Equal(PageConnection.TokenRefused, answer[0]);
    }

    [Fact]
    public void A_frame_survives_the_wire_and_impossible_lengths_are_refused()
    {
        var frame = PageFrame.Of(Op, Chunk(7, 5));
        var bytes = new byte[PageChunk.HeaderBytes];
        frame.WriteTo(bytes);
        Assert.Equal(frame, PageFrame.Read(bytes));
        foreach (var bad in (PageFrame[])[frame with { Pages = -1 }, frame with { Pages = PageBatch.PagesMax + 1 }, frame with { ContentBytes = -1 }, frame with { ContentBytes = PageFrame.ContentBytesMax + 1 }])
        {
            bad.WriteTo(bytes);
            Assert.Throws<InvalidDataException>(() => PageFrame.Read(bytes));
        }
    }

    private static PageWire New() => new(IPAddress.Loopback, 0, Patience, NullLogger<PageWire>.Instance);

    private static PageChunk Chunk(int seed, int pages)
    {
        var content = new byte[pages * PageSize];
        new Random(seed).NextBytes(content);
        var entries = Enumerable.Range(0, pages).Select(page => PageChunk.EntryOf(new Hva(1000 + page), isZero: false)).ToArray();
        return new PageChunk(new ChunkHeader(seed, 2, ChunkHeader.UrgentChannel, 3, StreamPhase.Postcopy), entries, content, 0).Sealed();
    }

    private Task<PageConnection?> OpenAsync(PageEndpoint endpoint) => PageConnection.OpenAsync(_here, endpoint, CancellationToken.None).WaitAsync(Patience);

    private async Task<PageConnection> ConnectAsync(PageEndpoint endpoint) => await OpenAsync(endpoint) ?? throw new InvalidOperationException("the token was refused");

    private static Task<StreamStatus> SendAsync(PageConnection connection, PageChunk chunk) => connection.SendAsync(Op, chunk, CancellationToken.None).WaitAsync(Patience);
}
