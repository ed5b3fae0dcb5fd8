using System.Text;
using Livebed.Driver.Errors;

namespace Livebed.Driver.CommandLine;

/// <summary>
/// Standard output or standard error. It never fails: what a command has found counts, whether or not there is still a reader and room
/// for it. The first failure is kept, and nothing is written after it.
/// </summary>
internal sealed class OutputWriter(TextWriter inner) : TextWriter
{
    /// <summary>Why something could not be written; null as long as everything was.</summary>
    public string? Failure { get; private set; }

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Try(() => inner.Write(value));

    public override void Write(string? value) => Try(() => inner.Write(value));

    public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));

    public override void Flush() => Try(inner.Flush);

    private void Try(Action write)
    {
        if (Failure is not null) return;
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            Failure = OneLine.Of(exception.Message);
        }
    }
}

/// <summary>Text without anything that a terminal obeys, see <see cref="Printable"/>.</summary>
internal sealed class PrintableWriter(TextWriter inner) : TextWriter
{
    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => inner.Write(Printable.Of(value.ToString()));

    public override void Write(string? value)
    {
        if (value is not null) inner.Write(Printable.Of(value));
    }

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void Flush() => inner.Flush();
}
