using System.IO.Compression;
using System.Text;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>A trace made up by a test, deleted with it.</summary>
internal sealed class TraceFile : IDisposable
{
    public string Path { get; } = System.IO.Path.GetTempFileName();

    public TraceFile(byte[] bytes) => File.WriteAllBytes(Path, bytes);

    public static TraceFile Of(long pages, params string[] intervals) => Of(pages, intervals.Length, intervals);

    public static TraceFile Of(long pages, long promised, params string[] intervals) =>
        OfText(Header(pages, promised) + "\n" + string.Concat(intervals.Select(line => line + "\n")));

    public static TraceFile OfText(string text) => new(Gzip(text));

    public static string Header(long pages, long intervals) =>
        $$"""{"format": "dirty-page-trace/1", "name": "made-up", "source": "a test", "pageSize": 4096,"""
            + $$""" "pages": {{pages}}, "intervals": {{intervals}}}""";

    public static byte[] Gzip(string text)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return buffer.ToArray();
    }

    public void Dispose() => File.Delete(Path);
}
