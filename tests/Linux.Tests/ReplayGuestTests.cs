using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Livebed.Linux.Qemu;

namespace Livebed.Linux.Tests;

/// <summary>The guest that replays a trace, and what it reads.</summary>
public sealed class ReplayGuestTests : IDisposable
{
    private const string Header = """{"format":"dirty-page-trace/1","name":"t","source":"s","pageSize":4096,"pages":10,"intervals":3""";

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void The_image_has_a_header_that_a_boot_loader_finds()
    {
        var words = MemoryMarshal.Cast<byte, uint>(ReplayGuest.Image().AsSpan(0, 32)).ToArray();
        Assert.Equal(0x1badb002u, words[0]);
        Assert.Equal(0u, unchecked(words[0] + words[1] + words[2]));
        // It is loaded where its jumps expect it, and begins behind the header.
        Assert.Equal((words[3], words[3] + 32), (words[4], words[7]));
        Assert.Equal(words[4] + (uint)ReplayGuest.Image().Length, words[5]);
    }

    [Fact]
    public void A_schedule_fills_what_is_not_zero_and_names_every_write()
    {
        Write(Header + ",\"zeroPages\":7,\"zeroRuns\":\"1+3 6+4\"}\n10000 0+2 5\n1510000\n1510000 9\n");
        Assert.Equal(
            [
                0x1000000,
                2, 0, 1, 4, 2,
                10_000, 2, 3, 0, 2, 5, 1,
                // An interval of more than a second is more than one, and none is of no time.
                1_000_000, 0, 0,
                500_000, 0, 0,
                1, 1, 1, 9, 1,
                uint.MaxValue,
            ],
            Words(0x1000000));
    }

    [Fact]
    public void What_a_trace_does_not_say_to_be_zero_holds_something()
    {
        Write(Header + ",\"zeroPages\":4}\n1\n2\n3\n");
        Assert.Equal([1, 0, 6], Words(0)[1..4]);
        Write(Header + ",\"zeroPages\":10}\n1\n2\n3\n");
        Assert.Equal(0u, Words(0)[1]);
        // A trace that says nothing of it: all that it never writes to is zero.
        Write(Header + "}\n1 3+2\n2 9\n3\n");
        Assert.Equal([2, 3, 2, 9, 1], Words(0)[1..6]);
    }

    [Fact]
    public void Memory_begins_behind_the_schedule()
    {
        Assert.Equal(4u << 20, ReplayGuest.MemoryAddress(0));
        Assert.True(ReplayGuest.MemoryAddress(100 << 20) > (101 << 20));
    }

    [Fact]
    public void A_reply_of_QEMU_is_read_as_far_as_it_goes()
    {
        using var reply = JsonDocument.Parse(
            """
            {"status":"completed","total-time":608,"downtime":10,
              "ram":{"dirty-sync-count":3,"transferred":44445621,"duplicate":57362}}
            """);
        Assert.Equal(new QemuFigures("completed", 3, 44445621, 57362, 0, 608, 10), QemuFigures.From(reply.RootElement));
        using var empty = JsonDocument.Parse("{}");
        Assert.Equal(new QemuFigures("none", 0, 0, 0, 0, 0, 0), QemuFigures.From(empty.RootElement));
    }

    /// <summary>As QEMU 7.2.22 answered when it was cancelled, and when its destination was gone.</summary>
    [Theory]
    [InlineData("""{"status":"cancelled"}""", "cancelled", null)]
    [InlineData("""{"status":"failed","error-desc":"Unable to write to socket: Broken pipe"}""", "failed",
        "Unable to write to socket: Broken pipe")]
    public void What_was_done_before_it_ended_is_kept(string last, string status, string? error)
    {
        var replies = new QemuReplies();
        string[] before =
        [
            """{"status":"setup"}""",
            """
            {"status":"active","setup-time":3,"total-time":1200,"expected-downtime":300,
              "ram":{"dirty-sync-count":4,"transferred":39000000,"duplicate":57000,"normal":9400}}
            """,
            """
            {"status":"cancelling","total-time":1251,"ram":{"dirty-sync-count":5,"transferred":40000000,"duplicate":57000,"normal":9600}}
            """,
        ];
        foreach (var text in before) _ = Add(text);
        Assert.Equal(new QemuFigures(status, 5, 40_000_000, 57_000, 9_600, 1_251, 0) { Error = error }, Add(last));

        QemuFigures Add(string text)
        {
            using var reply = JsonDocument.Parse(text);
            return replies.Add(reply.RootElement);
        }
    }

    [Fact]
    public void A_migration_that_ends_before_there_are_figures_has_none()
    {
        using var reply = JsonDocument.Parse("""{"status":"cancelled"}""");
        Assert.Equal(new QemuFigures("cancelled", 0, 0, 0, 0, 0, 0), new QemuReplies().Add(reply.RootElement));
    }

    private uint[] Words(uint address) => MemoryMarshal.Cast<byte, uint>(ReplaySchedule.Of(_path, address)).ToArray();

    private void Write(string text)
    {
        using var gzip = new GZipStream(File.Create(_path), CompressionLevel.Fastest);
        gzip.Write(Encoding.UTF8.GetBytes(text));
    }
}
