using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Livebed.Grains.Security;

/// <summary>What one end of one connection thinks of the certificate that the other end has shown.</summary>
internal sealed class PeerVerdict
{
    /// <summary>The last is an authority that has the name of the right one.</summary>
    private const X509ChainStatusFlags Strange =
        X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotSignatureValid;

    private string? _refusal;

    /// <summary>It has shown one of the authority.</summary>
    public bool IsTrusted { get; private set; }

    /// <summary>Why the connection was not made.</summary>
    public string Reason => _refusal ?? "it does not speak TLS, or broke off, or takes this end's certificate for none of its authority";

    /// <summary>As <see cref="RemoteCertificateValidationCallback"/>.</summary>
    public bool Judge(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        _refusal = certificate is null || chain is null ? "it has no certificate to show"
            : errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) ? $"its certificate {Explain(chain)}" : null;

        // Names are not looked at.
        IsTrusted = _refusal is null && (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None;
        return IsTrusted;
    }

    /// <summary>The connection is not made, and no certificate is why.</summary>
    public void Refuse(string reason) => _refusal ??= reason;

    /// <summary>Goes on a sentence about a certificate.</summary>
    public static string Explain(X509Chain chain)
    {
        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        if ((status & Strange) != 0) return "is of another authority";
        if (status.HasFlag(X509ChainStatusFlags.NotTimeValid)) return "has expired, or is not valid yet";
        if (status.HasFlag(X509ChainStatusFlags.NotValidForUsage)) return "is not meant for this use";
        return $"cannot be trusted ({status})";
    }
}
