using System.Text;

namespace Livebed.Driver.Runs;

/// <summary>A file that a reader sees complete or not at all: written under a temporary name beside its own, then renamed.</summary>
internal static class WholeFile
{
    private static readonly UTF8Encoding _utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <exception cref="IOException">It cannot be written; what was there before still is.</exception>
    public static void Write(string path, string content)
    {
        var partial = HistoryWriter.PartialPath(path);
        File.WriteAllText(partial, content, _utf8);
        File.Move(partial, path, overwrite: true);
    }
}
