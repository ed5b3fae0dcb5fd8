using System.Text.Json;
using Livebed.Driver.Runs;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.Runs;

/// <summary>history.jsonl is in time order over all silos, bounded, and on disk when it should be.</summary>
public sealed class HistoryWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Batches_of_several_silos_are_merged_in_time_order()
    {
        using var history = Create();
        history.Open("a");
        history.Open("b");
        history.Append("a", [At(10, "a"), At(30, "a")], watermark: 40);
        history.Append("b", [At(20, "b"), At(50, "b"), At(5, "b")], watermark: 60);
        history.Append("a", [At(45, "a")], watermark: 70);
        history.Complete();
        Assert.Equal([5, 10, 20, 30, 45, 50], Times());
        Assert.Equal([0, 1, 2, 3, 4, 5], Lines().Select(line => line.GetProperty("index").GetInt64()));
        Assert.Empty(history.LimitsHit);
    }

    [Fact]
    public void Records_of_the_warm_up_are_marked()
    {
        using var history = Create();
        history.Open("a");
        history.Append("a", [At(5, "a")], watermark: 10);
        history.WarmUpBegins(10);
        history.Append("a", [At(10, "a"), At(15, "a")], watermark: 16);
        history.WarmUpEnds(20);
        history.Append("a", [At(19, "a"), At(20, "a")], watermark: 30);
        history.Complete();
        Assert.Equal([false, true, true, true, false], Lines().Select(line => line.GetProperty("warmup").GetBoolean()));
    }

    [Fact]
    public void A_record_waits_until_no_silo_can_send_an_earlier_one()
    {
        using var history = Create();
        history.Open("a");
        history.Open("b");
        history.Append("a", [At(10, "a"), At(20, "a")], watermark: 100);
        Assert.Equal(0, history.Written);
        history.Append("b", [], watermark: 15);
        Assert.Equal(1, history.Written);
        history.Close("b");
        Assert.Equal(2, history.Written);
    }

    [Fact]
    public void Records_of_one_time_keep_the_order_of_their_arrival()
    {
        using var history = Create();
        history.Append("a", [At(1, "a", op: 1), At(1, "a", op: 2), At(1, "a", op: 3)], 2);
        history.Complete();
        Assert.Equal(["0.1", "0.2", "0.3"], Lines().Select(line => line.GetProperty("op").GetString()));
    }

    [Fact]
    public void A_silo_that_lags_does_not_fill_the_memory_and_is_reported()
    {
        using var history = Create(bufferedMax: 3);
        history.Open("a");
        history.Open("slow");
        history.Append("a", [At(1, "a"), At(2, "a"), At(3, "a"), At(4, "a"), At(5, "a")], watermark: 6);
        Assert.Equal(2, history.Written);
        history.Append("slow", [At(1, "slow")], watermark: 9);
        history.Complete();
        Assert.Equal([1, 2, 1, 3, 4, 5], Times());
        Assert.Equal(("historyBuffer", 1L), (Assert.Single(history.LimitsHit).Limit, history.LimitsHit[0].Times));
    }

    [Fact]
    public void A_full_history_drops_the_rest_and_says_how_much()
    {
        using var history = Create(recordsMax: 2);
        history.Append("a", [At(1, "a"), At(2, "a"), At(3, "a"), At(4, "a")], 5);
        history.Complete();
        Assert.Equal([1, 2], Times());
        Assert.Equal(("historyRecords", 2L), (Assert.Single(history.LimitsHit).Limit, history.LimitsHit[0].Times));
    }

    [Fact]
    public void A_flush_puts_on_disk_what_may_leave()
    {
        using var history = Create();
        history.Append("a", [At(1, "a"), At(9, "a")], watermark: 5);
        history.Flush();
        using var reader = new StreamReader(
            new FileStream(HistoryWriter.PartialPath(HistoryPath), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        Assert.Single(reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void A_history_whose_folder_is_gone_is_a_limit_that_was_hit()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.PathOf("run"));
        using var history = new HistoryWriter(Path.Combine(folder.PathOf("run"), "history.jsonl"), recordsMax: 10);
        history.Append("a", [At(1, "a")], 2);
        Directory.Delete(folder.PathOf("run"), recursive: true);
        history.Complete();
        Assert.Equal("historyFile", Assert.Single(history.LimitsHit).Limit);
    }

    [Fact]
    public void Two_histories_of_one_name_are_not_written_over_each_other()
    {
        using var history = Create();
        Assert.ThrowsAny<IOException>(() => Create());
    }

    [Fact]
    public void The_file_has_its_name_only_when_it_is_complete()
    {
        using var history = Create();
        history.Append("a", [At(1, "a")], 2);
        Assert.False(File.Exists(HistoryPath));
        history.Complete();
        Assert.True(File.Exists(HistoryPath));
        Assert.False(File.Exists(HistoryWriter.PartialPath(HistoryPath)));
    }

    [Fact]
    public void A_record_has_the_fields_of_its_operation()
    {
        using var history = Create();
        var op = new OperationId((3L << OperationId.CountBits) | 12);
        history.Append("silo-1", [new(7, "silo-1", "vm-0", HistoryType.Info, OperationKind.DirtyLogGet, op, "timed \"out\"\n")], 8);
        history.Complete();
        Assert.Equal(
            """{"index":0,"time":7,"silo":"silo-1","process":"vm-0","type":"info","f":"dirty-log-get","op":"3.12","""
            + """
            "value":"timed \"out\"\n","warmup":false}

            """,
            File.ReadAllText(HistoryPath));
    }

    [Fact]
    public async Task Silos_may_append_at_the_same_time()
    {
        using var history = Create();
        string[] silos = ["a", "b", "c", "d"];
        foreach (var silo in silos) history.Open(silo);
        await Parallel.ForEachAsync(silos, (silo, _) =>
        {
            for (var time = 0; time < 1_000; time++) history.Append(silo, [At(time, silo)], time + 1);
            history.Close(silo);
            return ValueTask.CompletedTask;
        });
        history.Complete();
        Assert.Equal(Times().Order(), Times());
        Assert.Equal(4_000, history.Written);
    }

    private string HistoryPath => _folder.PathOf("history.jsonl");

    private HistoryWriter Create(long recordsMax = 1_000_000, int bufferedMax = HistoryWriter.BufferedMax) =>
        new(HistoryPath, recordsMax, bufferedMax);

    private static HistoryRecord At(long time, string silo, long op = 1) =>
        new(time, silo, "vm-0", HistoryType.Ok, HostEventKind.Unmap, new(op));

    private List<JsonElement> Lines() => [.. File.ReadAllLines(HistoryPath).Select(line => JsonElement.Parse(line))];

    private List<long> Times() => [.. Lines().Select(line => line.GetProperty("time").GetInt64())];
}
