/** Names of columns, as people write them: the ones that say what they hold, and the others. */

const list = (text: string): readonly string[] => text.split(/\s+/).filter((name) => name !== '');

export interface SensitiveNames {
  readonly concept: string;
  readonly tier: 'secret' | 'identity' | 'contact';
  readonly names: readonly string[];
}

export const SENSITIVE: readonly SensitiveNames[] = [
  {
    concept: 'password',
    tier: 'secret',
    names:
      list(`password Password PASSWORD passwords user_password userPassword UserPassword userpassword pwd user_pwd passwd pass pass_word
      pass_hash password_hash passwordHash PasswordHash hashed_password encrypted_password password_digest smtp_password smtpPassword
      SMTP_PASSWORD smtppassword smtp-password smtp_pass emailpassword EmailPassword email_password incomingPassword incoming_password
      outgoingPassword outgoingpassword mailbox_password imap_pwd db_password database_password dbPassword ldap_bind_password ftp_passwd
      admin_password root_password new_password old_password password2 password_confirm current_password passphrase key_passphrase
      password_hint password_history password_old wifi_password proxyPassword passwort Passwort benutzer_passwort kennwort Kennwort
      mot_de_passe motDePasse mdp contraseña contrasena senha wachtwoord user_pass db_pass pw`),
  },
  {
    concept: 'token',
    tier: 'secret',
    names:
      list(`token access_token accessToken AccessToken refresh_token refreshtoken auth_token authToken api_token session_token
      remember_token password_reset_token reset_token confirmation_token device_token push_token csrf_token id_token bearer_token oauth_token
      oauth2_token jwt jwt_value bot_token webhook_token slack_token token_secret invitation_token unlock_token session_key auth_code`),
  },
  {
    concept: 'secret',
    tier: 'secret',
    names:
      list(`secret otp_secret totp_secret mfa_secret two_factor_secret client_secret clientSecret ClientSecret clientsecret shared_secret app_secret webhook_secret secret_key
      credentials credential credentials_json connection_string connectionString database_url recovery_codes backup_codes security_answer
      mnemonic seed_phrase zugangsdaten`),
  },
  {
    concept: 'key',
    tier: 'secret',
    names:
      list(`api_key apiKey ApiKey APIKEY apikey api-key stripe_api_key private_key privateKey privatekey ssh_private_key access_key
      aws_access_key encryption_key signing_key storage_key account_key consumer_key`),
  },
  {
    concept: 'one-time code',
    tier: 'secret',
    names: list('pin user_pin card_pin pin_code otp totp_key otp_code verification_code'),
  },
  {
    concept: 'user name',
    tier: 'identity',
    names:
      list(`username user_name userName UserName USERNAME UserName2 emailusername EmailUsername email_user_name incomingUserName
      incomingusername outgoingUsername smtp_username smtpUser_name db_username login login_name user_login samAccountName benutzername
      Benutzername nom_utilisateur nombre_usuario usuario upn`),
  },
  {
    concept: 'national id',
    tier: 'identity',
    names:
      list(`ssn SSN customer_ssn ssn_encrypted social_security_number socialSecurityNumber nino national_insurance_number national_id
      nationalId NationalID cpf bsn personnummer codice_fiscale codiceFiscale dni curp aadhaar aadhaar_number pesel nhs_number
      sozialversicherungsnummer personalausweisnummer identity_card_number numero_securite_sociale id_card_number sin`),
  },
  {
    concept: 'tax number',
    tier: 'identity',
    names: list(
      'tax_id taxId TaxID tax_number taxNumber tin itin ein steuer_id steuerId steuernummer Steuernummer taxpayer_id tax_file_number',
    ),
  },
  {
    concept: 'identity document',
    tier: 'identity',
    names:
      list(`passport passport_number passportNumber passport_no driver_license driver_licence drivers_license_number
      driving_licence reisepassnummer führerschein fuehrerschein passeport pasaporte`),
  },
  {
    concept: 'bank account',
    tier: 'identity',
    names:
      list(`iban IBAN customer_iban iban_encrypted bank_account bankAccount bank_account_number account_number accountNumber accountnumber
      routing_number routingNumber sort_code sortCode kontonummer Kontonummer bankleitzahl blz numero_compte numero_cuenta`),
  },
  {
    concept: 'payment card',
    tier: 'identity',
    names:
      list(`card_number cardNumber CardNumber cardnumber credit_card credit_card_number creditCardNumber creditcardnumber cc_number
      ccnum pan card_pan cvv CVV cvv2 cvc card_cvc card_expiry cc_exp card_exp_month kreditkartennummer numero_carte tarjeta_credito`),
  },
  {
    concept: 'birth',
    tier: 'identity',
    names: list(
      'dob date_of_birth dateOfBirth DateOfBirth birth_date birthDate birthdate birthday born geburtsdatum date_naissance fecha_nacimiento',
    ),
  },
  {
    concept: 'health',
    tier: 'identity',
    names: list(
      'diagnosis diagnoses blood_type bloodType blood_group allergies medical_history medications hiv_status mrn blutgruppe icd10',
    ),
  },
  {
    concept: 'special category',
    tier: 'identity',
    names: list('religion ethnicity sexual_orientation criminal_record'),
  },
  { concept: 'pay', tier: 'identity', names: list('salary base_salary annualSalary gehalt') },
  {
    concept: 'e-mail address',
    tier: 'contact',
    names: list('email Email user_email emailAddress email_address e_mail courriel'),
  },
  {
    concept: 'telephone',
    tier: 'contact',
    names: list('phone phone_number phoneNumber mobile telefonnummer'),
  },
  {
    concept: 'address',
    tier: 'contact',
    names: list('address street street_address shipping_address anschrift'),
  },
  { concept: 'name of a person', tier: 'contact', names: list('first_name lastName surname vorname') },
];

/** Nothing is to be reported of these, however alike they look. */
export const ORDINARY: readonly string[] = list(`
  id uuid key keys tenant tenant_id user_id userId created_at updated_at deleted_at created_by modified_on name title description
  summary body content comment comments note notes status state type kind category tags label slug sku code price amount currency quantity
  total subtotal discount tax vat tax_rate tax_amount tax_total net gross unit weight height width depth color size position sort_order
  priority rank score rating votes views likes url uri path file file_name filename mime_type extension checksum etag version revision
  locale language lang country country_code region city zip postal_code timezone latitude longitude

  passenger passenger_count passengers compass compass_heading bypass bypass_reason passage surpassed passed passed_at pass_count
  pass_rate passing_grade passive passion encompass trespass boarding_pass_type password_changed_at password_expires_at password_attempts
  password_policy passwordPolicyId password_length password_required is_password_set has_password require_password min_password_length
  passwordless passwordless_enabled password_reset_sent_at password_updated_on passwordExpiry last_pass

  tokenizer tokenizer_version tokenization token_count token_type tokens tokens_used max_tokens prompt_tokens completion_tokens input_tokens
  token_id token_expires_at token_ttl page_token next_page_token continuation_token tokenExpiry token_symbol token_limit

  secretary secretary_name secretariat secret_version secret_name is_secret secretion

  pinned pinned_at pin_position pinterest spin spinner spine opinion pineapple shipping shipping_method ping ping_ms pinboard
  company company_name companies japan japanese expand panel pane panels panorama pants span spanish spam campaign campaign_id
  keyboard keyword keywords key_id api_key_id api_key_name api_version access_level access_count monkey turkey hockey primary_key
  foreign_key public_key sort_key partition_key idempotency_key cache_key key_name object_key

  user_name_changed_at username_length login_count login_attempts last_login_at login_url logon_count login_page loginEnabled
  session session_id session_count sessions

  session_start card card_type card_brand card_id card_title card_color card_count card_layout cards discard wildcard cardinality
  cardboard card_last4 card_country account account_id account_type account_name accounts account_status accountant bank bank_name
  bank_id embankment banking_enabled iban_country iban_verified_at ibanezModel credit credit_limit credits creditor debit balance
  routing routing_key sort sort_by sorting sort_direction

  diagnostics diagnostic_code blood bloodhound dna_kit_status birth_certificate_uploaded_at birthday_reminder_enabled rebirth newborn
  born_at_home reborn airborne stubborn health health_check healthy healthcheck_url medical medical_center religion_id
  tin_foil ein_label tincture single sinus sine cousin business basin using cuisine protein vein
  kind_of_document document_type passport_country passport_expiry_date passport_id_type license license_type license_plate licenses
  taxonomy taxonomy_id tax_class taxi taxable tax_exempt tax_category syntax taxonomies
  salary_type salary_currency income_type wages_paid_at secretive authored author authority author_id authorization_status
  oauth_provider auth_method authenticated_at verification_status verification_code_sent_at otp_enabled mfa_enabled totp_verified_at
  hotpot adoption option options opt_in optimizer captopril hostname host port protocol endpoint server server_name cpu memory
  pwd_changed pwd_length cvv_result cvc_check nirvana denied nickel niece genie unique runner cpr_training dnieper
  encrypted encryption encryption_enabled encryption_algorithm hash hash_algorithm salt iv nonce signature signed_at fingerprint
  stops stop_token rate_limit jwt_issuer jwt_expiry credentials_updated_at connection connection_id connections connection_status
`);
