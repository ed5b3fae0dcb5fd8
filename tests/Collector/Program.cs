using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Livebed.Collector;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

// A collector on loopback for tests, a process of its own because it needs a web server: takes trace exports in gRPC (HTTP/2) or in
// HTTP/protobuf. Given a certificate (PKCS #12) and an authority (PEM), it speaks TLS only, and only with clients of that authority. It
// prints where it listens, then each span as a line of JSON, and ends with its standard input.
const int GrpcPrefix = 5;
var grpc = args is ["grpc", ..];
var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
{
    listen.Protocols = grpc ? HttpProtocols.Http2 : HttpProtocols.Http1;
    if (args is [_, var certificate, var authority])
    {
        var trusted = X509CertificateLoader.LoadCertificateFromFile(authority);
        listen.UseHttps(https =>
        {
            https.ServerCertificate = X509CertificateLoader.LoadPkcs12FromFile(certificate, password: null);
            https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            https.ClientCertificateValidation = (client, _, _) => IsOf(trusted, client);
        });
    }
}));
await using var server = builder.Build();
server.Run(TakeAsync);
await server.StartAsync();
Console.WriteLine(server.Urls.Single());
await Console.In.ReadToEndAsync();

static bool IsOf(X509Certificate2 authority, X509Certificate2 client)
{
    using var chain = new X509Chain();
    chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
    chain.ChainPolicy.CustomTrustStore.Add(authority);
    chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
    return chain.Build(client);
}

async Task TakeAsync(HttpContext context)
{
    using var body = new MemoryStream();
    await context.Request.Body.CopyToAsync(body);
    if (context.Request.Path.Value is "/v1/traces" or "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    {
        var tenant = context.Request.Headers["x-tenant"].ToString();
        var spans = ReceivedSpan.In(grpc ? Unframed(body.ToArray()) : body.ToArray());
        var lines = string.Concat(spans.Select(span => JsonSerializer.Serialize(span with { Tenant = tenant }) + "\n"));
        lock (builder) Console.Write(lines);
    }

    context.Response.ContentType = grpc ? "application/grpc" : "application/x-protobuf";
    if (!grpc) return;
    await context.Response.Body.WriteAsync(new byte[GrpcPrefix]);
    context.Response.AppendTrailer("grpc-status", "0");
}

// One message: a flag for compression, its length, itself.
static ReadOnlyMemory<byte> Unframed(byte[] frame) => frame[0] == 0
    ? frame.AsMemory(GrpcPrefix, BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(1)))
    : throw new InvalidDataException("the message is compressed");
