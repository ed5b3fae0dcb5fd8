namespace Livebed.Explorer.Protocols;

/// <summary>A protocol that is not there or cannot be made; the message is one line for a person.</summary>
public sealed class ProtocolException(string message, Exception? inner = null) : Exception(message, inner);
