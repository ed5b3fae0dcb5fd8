using Livebed.Driver.Runs;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.Runs;

/// <summary>The end of a history is read back as it was written, and no more of it than so many bytes.</summary>
public sealed class HistoryTailTests
{
    [Fact]
    public void The_last_records_come_back_and_a_line_that_is_cut_does_not()
    {
        using var folder = new TemporaryFolder();
        var path = folder.PathOf("history.jsonl");
        using (var history = new HistoryWriter(path, recordsMax: 1_000))
        {
            for (var i = 0; i < 100; i++)
                history.Append(
                    "s", [new(i, "s", "host-0", HistoryType.Invoke, HostEventKind.Unmap, new OperationId(i), i == 99 ? null : "v")], i);
            history.Complete();
        }

        var all = HistoryTail.Of(path);
        Assert.Equal(100, all.Count);
        Assert.Equal(new HistoryEvent(99, "s", "host-0", "invoke", "unmap", "0.99", null), all[^1]);
        var some = HistoryTail.Of(path, bytesMax: 1_000);
        Assert.InRange(some.Count, 5, 15);
        Assert.Equal(all.TakeLast(some.Count), some);
    }

    [Fact]
    public void A_history_that_is_not_there_or_none_has_no_end()
    {
        using var folder = new TemporaryFolder();
        Assert.Empty(HistoryTail.Of(folder.PathOf("nowhere")));
        Assert.Empty(HistoryTail.Of(folder.FullPath));
        Assert.Empty(HistoryTail.Of(folder.Write("text", "null\n[1]\n{\"time\":1}\n\u001b\n{\"time\":\"x\"}")));
        if (!OperatingSystem.IsLinux()) return;
        File.CreateSymbolicLink(folder.PathOf("link"), "/dev/zero");
        Assert.Empty(HistoryTail.Of(folder.PathOf("link")));
    }
}
