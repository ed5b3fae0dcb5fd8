namespace Livebed.Kvm.Guests;

/// <summary>
/// A recorded trace cannot be read. The message is one line for people: file, line (0 when it is about the file as a whole), what was
/// wrong, and what is allowed. The only type that reading a trace throws for bad input.
/// </summary>
public sealed class TraceFormatException : Exception
{
    public TraceFormatException(string path, long line, string wrong, string allowed, Exception? inner = null)
        : base($"{OneLine(path)}{(line > 0 ? $", line {line}" : "")}: {OneLine(wrong)}; {OneLine(allowed)}", inner)
    {
        Path = path;
        Line = line;
    }

    public string Path { get; }
    public long Line { get; }

    // Parts of the message come from the file itself, which may hold anything.
    private static string OneLine(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
}
