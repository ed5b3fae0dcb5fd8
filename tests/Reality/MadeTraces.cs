using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Livebed.Reality;

/// <summary>A recording that is made: so many pages a second of the first pages of 256 MiB, in turn or at random. What is never written is
/// zero.</summary>
/// <param name="Mebibytes">that are written to</param>
/// <param name="IsRandom">or in turn</param>
/// <param name="PagesPerSecond">writes</param>
internal sealed record MadeTrace(int Mebibytes, bool IsRandom, int PagesPerSecond)
{
    private const int MemoryPages = 65_536;
    private const int PagesPerMebibyte = 256;
    private const int IntervalMicroseconds = 10_000;

    public string Name => string.Create(
        CultureInfo.InvariantCulture, $"{Mebibytes} MiB {(IsRandom ? "at random" : "in turn")}, {PagesPerSecond} pages/s");

    public void Write(string path)
    {
        var (hot, ofInterval) = (Mebibytes * PagesPerMebibyte, PagesPerSecond / (1_000_000 / IntervalMicroseconds));
        // At random it goes on until next to no page is left that was never written, and would be zero. The draws are always the same.
        var intervals = (hot + ofInterval - 1) / ofInterval * (IsRandom ? 8 : 1);
        var random = new Random(1);
        using var file = new StreamWriter(new GZipStream(File.Create(path), CompressionLevel.Optimal), new UTF8Encoding(false));
        file.Write(JsonSerializer.Serialize(new
        {
            format = "dirty-page-trace/1",
            name = "made",
            source = "made",
            pageSize = 4096,
            pages = MemoryPages,
            intervals,
        }));
        file.Write('\n');
        for (var interval = 0; interval < intervals; interval++)
        {
            var pages = new SortedSet<int>();
            while (pages.Count < ofInterval) pages.Add(IsRandom ? random.Next(hot) : (interval * ofInterval + pages.Count) % hot);
            file.Write(string.Create(CultureInfo.InvariantCulture, $"{(interval + 1) * IntervalMicroseconds} "));
            file.Write(string.Join(' ', pages.Select(page => page.ToString(CultureInfo.InvariantCulture))));
            file.Write('\n');
        }
    }
}
