using Microsoft.Win32.SafeHandles;

namespace Livebed.Driver.CommandLine;

/// <summary>The process's standard output and error, open or not.</summary>
internal static class StandardStreams
{
    private const int OutputDescriptor = 1;

    /// <summary>Nothing is written when there is none.</summary>
    public static TextWriter Output()
    {
        try
        {
            return Console.IsOutputRedirected && OutputPipe() is { } pipe ? pipe : Console.Out;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new ClosedWriter(exception);
        }
    }

    /// <summary>Nothing is written when there is none.</summary>
    public static TextWriter Error()
    {
        try
        {
            return Console.Error;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new ClosedWriter(exception);
        }
    }

    /// <summary>Standard output as a pipe, which says that its reader has gone; the console keeps that to itself. Null when it is no
    /// pipe.</summary>
    private static StreamWriter? OutputPipe()
    {
        if (OperatingSystem.IsWindows()) return null;
        var pipe = new FileStream(new SafeFileHandle(OutputDescriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return pipe.CanSeek ? null : new StreamWriter(pipe) { AutoFlush = true };
    }

    /// <summary>Fails as the stream did when it was opened.</summary>
    private sealed class ClosedWriter(Exception reason) : TextWriter
    {
        public override System.Text.Encoding Encoding => System.Text.Encoding.UTF8;

        public override void Write(char value) => throw new IOException(reason.Message, reason);
    }
}
